import { type Clock, sleep } from '../../time/clock.ts';

/**
 * Coalesces and rate-limits reads: callers before the start of a read share it, one read at a time and one per interval. So a scan
 * of random hosts does not load the API server.
 */
export class Refresh {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #interval: number;
  readonly #read: () => Promise<void>;
  #lastAt = Number.NEGATIVE_INFINITY;
  #next: Promise<void> | undefined;
  #reading: Promise<void> = Promise.resolve();

  /** @param interval milliseconds between the starts of two reads */
  constructor(clock: Clock, signal: AbortSignal, interval: number, read: () => Promise<void>) {
    this.#clock = clock;
    this.#signal = signal;
    this.#interval = interval;
    this.#read = read;
  }

  /** Resolves after a read that started after this call. @throws what the read throws; the signal's reason */
  run(): Promise<void> {
    this.#next ??= this.#take();
    return this.#next;
  }

  async #take(): Promise<void> {
    try {
      await this.#reading.catch(() => undefined);
      const pause = this.#lastAt + this.#interval - this.#clock.monotonic();
      await (pause > 0 ? sleep(this.#clock, pause, this.#signal) : Promise.resolve());
      this.#lastAt = this.#clock.monotonic();
    } finally {
      this.#next = undefined;
    }
    this.#reading = this.#read();
    await this.#reading;
  }
}
