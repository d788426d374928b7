import { minute, second } from '../../../machines/time/durations.ts';
import type { Clock } from '../../time/clock.ts';

/** Milliseconds. An answer that differs from the machine's clock by less is believed at once. */
const tolerated = minute;
/** Milliseconds. `Date` headers have whole seconds, truncated (RFC 9110, section 5.6.7): the clocks of two processes differ by as much. */
export const resolution = second;

/**
 * The CA's time, for everything about the CA: limits, Retry-After, renewal windows, the expiry of an order. The machine's clock is used
 * only until the first answer, or the second if they differ: if it were set, waits would end before the CA's, or long after.
 *
 * It is never ahead of the CA's own clock, so no wait is too short, and behind it by at most a second plus the latency of one answer.
 * All times in milliseconds since the epoch.
 */
export class CaClock implements Clock {
  readonly #machine: Clock;
  /** Bounds of the CA's time at monotonic 0, from one answer. */
  #origin: Bounds;
  #isKnown = false;
  /** Of an answer that contradicts the others: one may come from a proxy whose clock is wrong. */
  #other: Bounds | undefined;

  constructor(machine: Clock) {
    this.#machine = machine;
    const origin = machine.now() - machine.monotonic();
    this.#origin = { least: origin, most: origin };
  }

  now(): number {
    return Math.floor(this.#origin.least + this.#machine.monotonic());
  }

  monotonic(): number {
    return this.#machine.monotonic();
  }

  /** Milliseconds ahead of the machine's clock; undefined before the CA's time is known. */
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
    const least = date - this.#machine.monotonic();
    const most = date + resolution - sentAt;
    // Narrowing the bounds would end current waits too early; step only if the clock was set, and two answers in a row say so. Before
    // the first answer the machine's clock is all there is, and it may be wrong.
    const expected = this.#isKnown ? this.#origin : widened(this.#origin, tolerated);
    const isNew = isApart(expected, { least, most });
    const isConfirmed = this.#other !== undefined && !isApart(this.#other, { least, most });
    const isBelieved = isNew ? isConfirmed : !this.#isKnown;
    if (isBelieved) this.#origin = { least, most };
    this.#other = isNew ? { least, most } : undefined;
    this.#isKnown ||= isBelieved;
  }

  setTimeout(run: () => void, ms: number): unknown {
    return this.#machine.setTimeout(run, ms);
  }

  clearTimeout(handle: unknown): void {
    this.#machine.clearTimeout(handle);
  }
}

interface Bounds {
  readonly least: number;
  readonly most: number;
}

function widened({ least, most }: Bounds, by: number): Bounds {
  return { least: least - by, most: most + by };
}

function isApart(one: Bounds, other: Bounds): boolean {
  return other.most < one.least || other.least > one.most;
}
