import { type Clock, sleep } from '../../../time/clock.ts';

/**
 * Lets many ask for the same reading: those who ask before it begins share it. One at a time, and at most one an interval, however
 * many ask: a scan of made-up hosts costs the API server no more.
 */
export class Refresh {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #interval: number;
  readonly #read: () => Promise<void>;
  #lastAt = Number.NEGATIVE_INFINITY;
  #next: Promise<void> | undefined;
  #reading: Promise<void> = Promise.resolve();

  /** @param interval milliseconds between the beginnings of two readings */
  constructor(clock: Clock, signal: AbortSignal, interval: number, read: () => Promise<void>) {
    this.#clock = clock;
    this.#signal = signal;
    this.#interval = interval;
    this.#read = read;
  }

  /** Resolves after a reading that began after this call. @throws what the reading throws; the signal's reason */
  run(): Promise<void> {
    this.#next ??= this.#take();
    return this.#next;
  }

  async #take(): Promise<void> {
    try {
      await this.#reading.catch(() => undefined);
      const pause = this.#lastAt + this.#interval - this.#clock.now();
      await (pause > 0 ? sleep(this.#clock, pause, this.#signal) : Promise.resolve());
      this.#lastAt = this.#clock.now();
    } finally {
      this.#next = undefined;
    }
    this.#reading = this.#read();
    await this.#reading;
  }
}
