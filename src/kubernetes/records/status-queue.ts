import { parseSourceKey, type SourceKey } from '../../../machines/ownership/source-key.ts';

/**
 * What waits to be written to sources, the oldest first. The sources of a namespace that has failed, for example because of a webhook
 * there, wait apart from the others, so that they hold up none of them.
 */
export class StatusQueue<T> {
  readonly #waiting = new Map<SourceKey, T>();
  /** By namespace: the one that was tried longest ago comes first. */
  readonly #troubled = new Map<string, Map<SourceKey, T>>();

  /** Something waits of a namespace without trouble. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Something waits of a namespace in trouble. */
  get hasTroubled(): boolean {
    return this.#troubled.values().some((lane) => lane.size > 0);
  }

  get(key: SourceKey): T | undefined {
    return this.#laneOf(key).get(key);
  }

  has(key: SourceKey): boolean {
    return this.#laneOf(key).has(key);
  }

  set(key: SourceKey, item: T): void {
    this.#laneOf(key).set(key, item);
  }

  delete(key: SourceKey): void {
    this.#laneOf(key).delete(key);
  }

  /** Takes the first one that is not being written, of a namespace without trouble. */
  take(writing: ReadonlyMap<SourceKey, unknown>): [SourceKey, T] | undefined {
    return takenOf(this.#waiting, writing);
  }

  /** Likewise of a namespace in trouble: of each in turn. */
  takeTroubled(writing: ReadonlyMap<SourceKey, unknown>): [SourceKey, T] | undefined {
    for (const [namespace, lane] of this.#troubled) {
      const taken = takenOf(lane, writing);
      if (taken === undefined) continue;
      this.#troubled.delete(namespace);
      this.#troubled.set(namespace, lane);
      return taken;
    }
    return undefined;
  }

  /** A write to this source has failed, for what may be over later. */
  failed(key: SourceKey): void {
    const { namespace } = parseSourceKey(key);
    if (this.#troubled.has(namespace)) return;
    const lane = new Map<SourceKey, T>();
    for (const [other, item] of this.#waiting) {
      if (parseSourceKey(other).namespace !== namespace) continue;
      this.#waiting.delete(other);
      lane.set(other, item);
    }
    this.#troubled.set(namespace, lane);
  }

  /** A write to this source has been answered. */
  answered(key: SourceKey): void {
    const { namespace } = parseSourceKey(key);
    const lane = this.#troubled.get(namespace);
    if (lane === undefined) return;
    this.#troubled.delete(namespace);
    for (const [other, item] of lane) this.#waiting.set(other, item);
  }

  #laneOf(key: SourceKey): Map<SourceKey, T> {
    return this.#troubled.get(parseSourceKey(key).namespace) ?? this.#waiting;
  }
}

function takenOf<T>(
  lane: Map<SourceKey, T>,
  writing: ReadonlyMap<SourceKey, unknown>,
): [SourceKey, T] | undefined {
  const found = lane.entries().find(([key]) => !writing.has(key));
  if (found !== undefined) lane.delete(found[0]);
  return found;
}
