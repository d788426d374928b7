// Records of kube-lego that are kept in several documents of bounded size. Used by the ledger and the record of holders.

/**
 * Assigns the entries of a record to numbered documents. New entries fill one document after the other: a thousand new certificates
 * change only one or two documents.
 */
export class Shards {
  readonly #capacity: number;
  readonly #weigh: (key: string) => number;
  readonly #shardOf = new Map<string, number>();
  readonly #members = new Map<number, Set<string>>();
  readonly #weights = new Map<number, number>();
  readonly #changed = new Set<number>();
  #open = 0;

  /**
   * @param capacity weight at which a document counts as full
   * @param weigh the weight of an entry, always the same for one key
   */
  constructor(capacity: number, weigh: (key: string) => number) {
    this.#capacity = capacity;
    this.#weigh = weigh;
  }

  /** The numbers of all documents. */
  get numbers(): Iterable<number> {
    return this.#members.keys();
  }

  /** The entry is new or changed. */
  touch(key: string): void {
    const shard = this.#shardOf.get(key) ?? this.#openShard();
    this.place(key, shard);
    this.#changed.add(shard);
  }

  /** The entry was read from this document. */
  place(key: string, shard: number): void {
    if (this.#shardOf.has(key)) return;
    this.#shardOf.set(key, shard);
    this.#membersOf(shard).add(key);
    this.#addWeight(shard, this.#weigh(key));
  }

  /** The document that the entry is in; undefined for an unknown entry. */
  shardOf(key: string): number | undefined {
    return this.#shardOf.get(key);
  }

  /**
   * Removes the entry.
   * @param soon whether its document must be written for that
   */
  delete(key: string, soon: boolean): void {
    const shard = this.#shardOf.get(key);
    if (shard === undefined) return;
    this.#shardOf.delete(key);
    const members = this.#membersOf(shard);
    members.delete(key);
    this.#addWeight(shard, -this.#weigh(key));
    if (soon || members.size === 0) this.#changed.add(shard);
  }

  /** The document must be written. */
  markChanged(shard: number): void {
    this.#membersOf(shard);
    this.#changed.add(shard);
  }

  takeChanged(): number[] {
    const changed = [...this.#changed].toSorted((one, other) => one - other);
    this.#changed.clear();
    return changed;
  }

  members(shard: number): ReadonlySet<string> {
    return this.#membersOf(shard);
  }

  /** A document that is not full. */
  #openShard(): number {
    if (this.#weightOf(this.#open) < this.#capacity) return this.#open;
    const roomy = [...this.#members.keys()].find((shard) => this.#weightOf(shard) < this.#capacity / 2);
    this.#open = roomy ?? Math.max(-1, ...this.#members.keys()) + 1;
    return this.#open;
  }

  #weightOf(shard: number): number {
    return this.#weights.get(shard) ?? 0;
  }

  #addWeight(shard: number, weight: number): void {
    this.#weights.set(shard, this.#weightOf(shard) + weight);
  }

  #membersOf(shard: number): Set<string> {
    const members = this.#members.get(shard) ?? new Set();
    this.#members.set(shard, members);
    return members;
  }
}
