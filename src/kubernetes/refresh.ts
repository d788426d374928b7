import { type Clock, sleep } from '../clock.ts';

/** Lets many ask for the same reading: those who ask before it begins share it, and it begins at most once an interval. */
export class Refresh {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #interval: number;
  readonly #read: () => Promise<void>;
  #lastAt = Number.NEGATIVE_INFINITY;
  #next: Promise<void> | undefined;

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
    const pause = this.#lastAt + this.#interval - this.#clock.now();
    try {
      await (pause > 0 ? sleep(this.#clock, pause, this.#signal) : Promise.resolve());
      this.#lastAt = this.#clock.now();
    } finally {
      this.#next = undefined;
    }
    await this.#read();
  }
}
