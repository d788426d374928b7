/** Entries per document: a ConfigMap of about 100 KB. */
const capacity = 2000;

/**
 * Assigns entries of the ledger to documents. New entries fill one document after the other: a thousand new certificates change
 * only one or two documents.
 */
export class LedgerShards {
  readonly #shardOf = new Map<string, number>();
  readonly #members = new Map<number, Set<string>>();
  readonly #changed = new Set<number>();
  #open = 0;

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
    if (this.#membersOf(this.#open).size < capacity) return this.#open;
    const [roomy] = [...this.#members].find(([, members]) => members.size < capacity / 2) ?? [];
    this.#open = roomy ?? Math.max(-1, ...this.#members.keys()) + 1;
    return this.#open;
  }

  #membersOf(shard: number): Set<string> {
    const members = this.#members.get(shard) ?? new Set();
    this.#members.set(shard, members);
    return members;
  }
}
