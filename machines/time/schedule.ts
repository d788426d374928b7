interface Entry<Key> {
  readonly key: Key;
  readonly at: number;
}

/**
 * All wake times in one binary heap: a single timer serves any number of actors, delays may exceed 24.8 days (the limit of
 * `setTimeout`), and stopping an actor is cheap. Each key has at most one time; a new one replaces it.
 */
export class Schedule<Key extends string = string> {
  readonly #times = new Map<Key, number>();
  /** Entries that differ from `#times` are stale, and skipped at the top. */
  #heap: Entry<Key>[] = [];

  /** @param at milliseconds since the epoch */
  set(key: Key, at: number): void {
    this.#times.set(key, at);
    this.#push({ key, at });
    if (this.#heap.length > 2 * this.#times.size + 64) this.#rebuild();
  }

  has(key: Key): boolean {
    return this.#times.has(key);
  }

  delete(key: Key): void {
    this.#times.delete(key);
  }

  /** The earliest time; undefined if empty. */
  next(): number | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#times.get(top.key) === top.at) return top.at;
      this.#pop();
    }
    return undefined;
  }

  /** Removes and returns the keys that are due, the earliest first. */
  takeDue(now: number): Key[] {
    const due: Key[] = [];
    for (let at = this.next(); at !== undefined && at <= now; at = this.next()) {
      const { key } = this.#pop();
      this.#times.delete(key);
      due.push(key);
    }
    return due;
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [key, at] of this.#times) this.#push({ key, at });
  }

  #push(entry: Entry<Key>): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= entry.at) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): Entry<Key> {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined) throw new RangeError('the schedule is empty');
    if (heap.length === 0) return top;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const takeRight = right !== undefined && right.at < left.at;
      const below = takeRight ? right : left;
      if (below.at >= last.at) break;
      heap[index] = below;
      index = 2 * index + (takeRight ? 2 : 1);
    }
    heap[index] = last;
    return top;
  }
}
