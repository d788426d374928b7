import { minute } from '../../../machines/time/durations.ts';
import { type Clock, untilAborted } from '../../time/clock.ts';
import { OrderError } from '../protocol/order-error.ts';

/** Milliseconds that uses in flight have before they are interrupted: the CA may take long to validate, and no order begins meanwhile. */
export const patience = 5 * minute;

/** The uses of the account's key: many at a time, or one that is alone. */
export class AccountUses {
  readonly #clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>;
  readonly #uses = new Set<AbortController>();
  /** Resolves when the use that is alone has ended. */
  #alone: PromiseWithResolvers<void> | undefined;
  /** Resolves when no other use is left. */
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>) {
    this.#clock = clock;
  }

  /**
   * Resolves when nobody is alone or wants to be any more; undefined if nobody is now.
   * @throws the signal's reason
   */
  free(signal: AbortSignal): Promise<void> | undefined {
    return this.#alone === undefined ? undefined : untilAborted(this.#alone.promise, signal);
  }

  /**
   * Runs the work beside others, after one that is alone, or wants to be.
   * @param work its signal is aborted with the given one, and when somebody has waited for too long to be alone
   * @throws what the work throws, or the signal's reason
   */
  async shared<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await untilAborted(this.#alone.promise, signal);
    const use = new AbortController();
    const abort = (): void => use.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    this.#uses.add(use);
    try {
      return await work(use.signal);
    } finally {
      signal.removeEventListener('abort', abort);
      this.#uses.delete(use);
      if (this.#uses.size === 0) this.#idle?.resolve();
    }
  }

  /**
   * Runs the work when the uses that have begun have ended, by themselves or after `patience` by an interruption; others wait until it is
   * done. One at a time.
   * @throws what the work throws, or the signal's reason
   */
  async alone<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await untilAborted(this.#alone.promise, signal);
    const ended = Promise.withResolvers<void>();
    this.#alone = ended;
    try {
      if (this.#uses.size > 0) await this.#untilIdle(signal);
      return await work();
    } finally {
      this.#alone = undefined;
      ended.resolve();
    }
  }

  async #untilIdle(signal: AbortSignal): Promise<void> {
    const idle = Promise.withResolvers<void>();
    this.#idle = idle;
    const timer = this.#clock.setTimeout(() => this.#interrupt(), patience);
    try {
      await untilAborted(idle.promise, signal);
    } finally {
      this.#clock.clearTimeout(timer);
      this.#idle = undefined;
    }
  }

  #interrupt(): void {
    const message =
      'The key of the ACME account is being changed, and the order was still unfinished after five minutes: it goes on with the new key.';
    for (const use of this.#uses) use.abort(new OrderError('out-of-time', message));
  }
}
