import type { Clock } from '../../src/time/clock.ts';

/** A clock that stands still until a test turns it. */
export class ManualClock implements Clock {
  #now: number;
  #passed = 0;
  readonly #timers = new Map<symbol, { readonly at: number; readonly fn: () => void }>();

  constructor(now = Date.UTC(2026, 10, 20)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#passed;
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const handle = Symbol('timer');
    this.#timers.set(handle, { at: this.#passed + ms, fn });
    return handle;
  }

  clearTimeout(handle: unknown): void {
    if (typeof handle === 'symbol') this.#timers.delete(handle);
  }

  /** Milliseconds until each pending timer fires, the earliest first. */
  get pending(): number[] {
    return [...this.#timers.values()].map(({ at }) => at - this.#passed).toSorted((a, b) => a - b);
  }

  /** Sets the wall clock forward by so many milliseconds, or back; no time passes. */
  set(by: number): void {
    this.#now += by;
  }

  /** Fires what comes due within `ms`, in order; promises settle afterwards. */
  advance(ms: number): void {
    const end = this.#passed + ms;
    for (;;) {
      const next = [...this.#timers.entries()].toSorted(([, a], [, b]) => a.at - b.at)[0];
      if (next === undefined || next[1].at > end) break;
      this.#timers.delete(next[0]);
      this.#pass(Math.max(0, next[1].at - this.#passed));
      next[1].fn();
    }
    this.#pass(end - this.#passed);
  }

  #pass(ms: number): void {
    this.#now += ms;
    this.#passed += ms;
  }
}
