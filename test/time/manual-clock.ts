import type { Clock } from '../../src/time/clock.ts';

/** A clock that stands still until a test turns it. */
export class ManualClock implements Clock {
  #now: number;
  readonly #timers = new Map<symbol, { readonly at: number; readonly fn: () => void }>();

  constructor(now = Date.UTC(2026, 10, 20)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const handle = Symbol('timer');
    this.#timers.set(handle, { at: this.#now + ms, fn });
    return handle;
  }

  clearTimeout(handle: unknown): void {
    if (typeof handle === 'symbol') this.#timers.delete(handle);
  }

  /** Milliseconds until each pending timer fires, the earliest first. */
  get pending(): number[] {
    return [...this.#timers.values()].map(({ at }) => at - this.#now).toSorted((a, b) => a - b);
  }

  /** Fires what comes due within `ms`, in order; promises settle afterwards. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#timers.entries()].toSorted(([, a], [, b]) => a.at - b.at)[0];
      if (next === undefined || next[1].at > end) break;
      this.#timers.delete(next[0]);
      this.#now = Math.max(this.#now, next[1].at);
      next[1].fn();
    }
    this.#now = end;
  }
}
