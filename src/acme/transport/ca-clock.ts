import type { Clock } from '../../time/clock.ts';

/** `Date` headers tell whole seconds, cut off (RFC 9110, section 5.6.7). */
const resolution = 1000;

/**
 * The CA's time, by which everything about the CA is judged: limits, Retry-After, renewal windows, the end of an order. The machine's
 * clock has a part in it only at the start, until an answer tells the time: one that is set would end waits before the CA does, or long
 * after.
 *
 * It is never ahead of the CA's own clock, so that no wait until a time of the CA's is too short, and behind it by a second and the way
 * of one answer at most. All times in milliseconds since the epoch.
 */
export class CaClock implements Clock {
  readonly #machine: Clock;
  readonly #monotonic: () => number;
  /** The CA's time when the monotonic clock was at 0, between two bounds: what one answer says of it. */
  #origin: { readonly least: number; readonly most: number };
  #isKnown = false;

  /** @param monotonic milliseconds that nobody sets */
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

  /** How far it is ahead of the machine's clock; undefined before the CA's first answer. */
  get skew(): number | undefined {
    return this.#isKnown ? this.now() - this.#machine.now() : undefined;
  }

  /** The same moment by the machine's clock: for what people are told, and for what does not know the CA's. */
  byMachine(at: number): number {
    return at - this.now() + this.#machine.now();
  }

  /**
   * An answer has just come.
   * @param date its `Date` header
   * @param sentAt when its request was sent, in monotonic milliseconds
   */
  observe(date: number, sentAt: number): void {
    const least = date - this.#monotonic();
    const most = date + resolution - sentAt;
    const before = this.#origin;
    // A step to what is known better would end the waits that have begun too early; only a clock that was set is followed.
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
