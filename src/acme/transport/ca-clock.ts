import type { Clock } from '../../time/clock.ts';

/** Milliseconds. `Date` headers have whole seconds, truncated (RFC 9110, section 5.6.7): the clocks of two processes differ by as much. */
export const resolution = 1000;

/**
 * The CA's time, for everything about the CA: limits, Retry-After, renewal windows, the expiry of an order. The machine's clock is used
 * only until the first answer: if it were set, waits would end before the CA's, or long after.
 *
 * It is never ahead of the CA's own clock, so no wait is too short, and behind it by at most a second plus the latency of one answer.
 * All times in milliseconds since the epoch.
 */
export class CaClock implements Clock {
  readonly #machine: Clock;
  readonly #monotonic: () => number;
  /** Bounds of the CA's time at monotonic 0, from one answer. */
  #origin: { readonly least: number; readonly most: number };
  #isKnown = false;

  /** @param monotonic milliseconds */
  constructor(machine: Clock, monotonic: () => number = () => performance.now()) {
    this.#machine = machine;
    this.#monotonic = monotonic;
    const origin = machine.now() - monotonic();
    this.#origin = { least: origin, most: origin };
  }

  now(): number {
    return Math.floor(this.#origin.least + this.#monotonic());
  }

  /** Monotonic milliseconds, for `observe` and for durations. */
  monotonic(): number {
    return this.#monotonic();
  }

  /** Milliseconds ahead of the machine's clock; undefined before the CA's first answer. */
  get skew(): number | undefined {
    return this.#isKnown ? this.now() - this.#machine.now() : undefined;
  }

  /** The same moment by the machine's clock: for messages, and for code without this clock. */
  byMachine(at: number): number {
    return at - this.now() + this.#machine.now();
  }

  /**
   * To be called when an answer arrives.
   * @param date its `Date` header
   * @param sentAt time of its request, in monotonic milliseconds
   */
  observe(date: number, sentAt: number): void {
    const least = date - this.#monotonic();
    const most = date + resolution - sentAt;
    const before = this.#origin;
    // Narrowing the bounds would end current waits too early; step only if the clock was set.
    if (!this.#isKnown || most < before.least || least > before.most) this.#origin = { least, most };
    this.#isKnown = true;
  }

  setTimeout(run: () => void, ms: number): unknown {
    return this.#machine.setTimeout(run, ms);
  }

  clearTimeout(handle: unknown): void {
    this.#machine.clearTimeout(handle);
  }
}
