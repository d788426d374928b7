import type { Clock } from '../time/clock.ts';

/** Milliseconds. The CA tells whole seconds, so that its time becomes known better by so much, and always to be later. */
const uncertainty = 1000;

export interface LedgerClockOptions {
  /** The machine's clock, which somebody may set. */
  readonly clock: Clock;
  /** Milliseconds from some moment on, evenly, whatever happens to the clock: `performance.now` of Node. */
  readonly steady: () => number;
}

/**
 * The CA's time, for what is counted against its limits and for the waits that it asks for. Once the CA has said what time it
 * is, the machine's clock has no part in it: one that jumps ahead by an hour would have the buckets fill up and the waits end
 * before the CA's do, and one that jumps back would have them last longer.
 */
export class LedgerClock implements Clock {
  readonly #clock: Clock;
  readonly #steady: () => number;
  /** The CA's time when `steady` was 0; undefined before it is known. */
  #origin: number | undefined;

  constructor({ clock, steady }: LedgerClockOptions) {
    this.#clock = clock;
    this.#steady = steady;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#origin === undefined ? this.#clock.now() : Math.floor(this.#origin + this.#steady());
  }

  /**
   * The CA has just answered.
   * @param skew how far its clock is ahead of the machine's now, in milliseconds; undefined if it did not say
   */
  observe(skew: number | undefined): void {
    if (skew === undefined) return;
    const origin = this.#clock.now() + skew - this.#steady();
    const known = this.#origin;
    // A step ahead would end too early what is counted from a moment before it.
    if (known !== undefined && origin > known && origin <= known + uncertainty) return;
    this.#origin = origin;
  }

  setTimeout(run: () => void, ms: number): unknown {
    return this.#clock.setTimeout(run, ms);
  }

  clearTimeout(handle: unknown): void {
    this.#clock.clearTimeout(handle);
  }
}
