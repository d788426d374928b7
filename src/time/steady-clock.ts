import { second } from '../../machines/time/durations.ts';
import type { Clock } from './clock.ts';

/** Milliseconds. What two readings of the system's clocks may differ by, and a leap second. */
const tolerated = 2 * second;

/**
 * The time of day of the process: it advances with the monotonic clock, and takes a step of the system's clock (somebody has set it, or
 * the machine was suspended) only when it is told to follow. So whoever keeps times can move them by the same step, at the same moment.
 */
export class SteadyClock implements Clock {
  readonly #system: Clock;
  /** Time of day at monotonic 0. */
  #origin: number;

  constructor(system: Clock) {
    this.#system = system;
    this.#origin = system.now() - system.monotonic();
  }

  now(): number {
    return Math.floor(this.#origin + this.#system.monotonic());
  }

  monotonic(): number {
    return this.#system.monotonic();
  }

  /**
   * Takes the step that the system's clock has made.
   * @returns milliseconds, negative if it was set back; 0 if it was not set
   */
  follow(): number {
    const by = this.#system.now() - this.now();
    if (Math.abs(by) < tolerated) return 0;
    this.#origin += by;
    return by;
  }

  setTimeout(fn: () => void, ms: number): unknown {
    return this.#system.setTimeout(fn, ms);
  }

  clearTimeout(handle: unknown): void {
    this.#system.clearTimeout(handle);
  }
}
