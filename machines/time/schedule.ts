import { Heap, type HeapItem } from './heap.ts';

interface Entry<Key> extends HeapItem {
  readonly key: Key;
  at: number;
}

/**
 * All wake times in one heap: a single timer serves any number of actors, delays may exceed 24.8 days (the limit of `setTimeout`),
 * and stopping an actor is cheap. Each key has at most one time; a new one replaces it.
 */
export class Schedule<Key extends string = string> {
  readonly #entries = new Map<Key, Entry<Key>>();
  readonly #heap = new Heap<Entry<Key>>((one, other) => one.at < other.at);

  /** @param at milliseconds since the epoch */
  set(key: Key, at: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      const added = { key, at, heapIndex: 0 };
      this.#entries.set(key, added);
      this.#heap.add(added);
    } else {
      entry.at = at;
      this.#heap.moved(entry);
    }
  }

  /** Moves all times by so many milliseconds: their order stays. */
  move(by: number): void {
    for (const entry of this.#entries.values()) entry.at += by;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#heap.delete(entry);
  }

  /** The earliest time; undefined if empty. */
  next(): number | undefined {
    return this.#heap.first?.at;
  }

  /** Removes and returns the keys that are due, the earliest first. */
  takeDue(now: number): Key[] {
    const due: Key[] = [];
    for (let key = this.takeOne(now); key !== undefined; key = this.takeOne(now)) due.push(key);
    return due;
  }

  /** Removes and returns the earliest key, if it is due. */
  takeOne(now: number): Key | undefined {
    const { first } = this.#heap;
    if (first === undefined || first.at > now) return undefined;
    this.delete(first.key);
    return first.key;
  }
}
