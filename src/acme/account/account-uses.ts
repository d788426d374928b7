import { untilAborted } from '../../time/clock.ts';

/** The uses of the account's key: many at a time, or one that is alone. */
export class AccountUses {
  #uses = 0;
  /** Resolves when the use that is alone has ended. */
  #alone: PromiseWithResolvers<void> | undefined;
  /** Resolves when no other use is left. */
  #idle: PromiseWithResolvers<void> | undefined;

  /**
   * Runs the work beside others, after one that is alone, or wants to be.
   * @throws what the work throws, or the signal's reason
   */
  async shared<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await untilAborted(this.#alone.promise, signal);
    this.#uses += 1;
    try {
      return await work();
    } finally {
      this.#uses -= 1;
      if (this.#uses === 0) this.#idle?.resolve();
    }
  }

  /**
   * Runs the work when the uses that have begun have ended; others wait until it is done. One at a time.
   * @throws what the work throws, or the signal's reason
   */
  async alone<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await untilAborted(this.#alone.promise, signal);
    const ended = Promise.withResolvers<void>();
    this.#alone = ended;
    try {
      if (this.#uses > 0) {
        this.#idle = Promise.withResolvers();
        await untilAborted(this.#idle.promise, signal);
      }
      return await work();
    } finally {
      this.#idle = undefined;
      this.#alone = undefined;
      ended.resolve();
    }
  }
}
