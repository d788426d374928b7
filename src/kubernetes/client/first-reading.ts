import { second } from '../../../machines/time/durations.ts';
import { type Clock, untilAborted, workWithin } from '../../time/clock.ts';
import { retry } from '../../time/retry.ts';
import { KubernetesError } from './kubernetes-error.ts';

export interface FirstReadingOptions {
  /** Of the record, for messages: `Secret NAMESPACE/NAME`. */
  readonly record: string;
  readonly read: () => Promise<void>;
  readonly clock: Clock;
  /** Ends the attempts. */
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown) => void;
}

const pauses = { shortestPause: 0.5 * second, longestPause: 30 * second };
/** Milliseconds: then waiters fail, since the record cannot be read. */
const readLimit = 20 * second;

/** The first reading of a record by a process, tried until it succeeds; nobody waits for that without end. */
export class FirstReading {
  readonly #options: FirstReadingOptions;
  #reading: Promise<void> | undefined;
  #trouble: unknown;
  #done = false;

  constructor(options: FirstReadingOptions) {
    this.#options = options;
  }

  get done(): boolean {
    return this.#done;
  }

  /** Begins, if nobody has; resolves when it is done, however long that takes. Rejects only with the signal's reason. */
  begin(): Promise<void> {
    this.#reading ??= this.#readOn();
    return this.#reading;
  }

  /**
   * Resolves when it is done.
   * @throws what the last attempt threw, if it takes too long; or the signal's reason
   */
  async ready(signal: AbortSignal): Promise<void> {
    const { clock, record } = this.#options;
    signal.throwIfAborted();
    if (this.#done) return;
    const reason = (): unknown =>
      this.#trouble ?? new KubernetesError('Timeout', `${record} has not been read yet`);
    await workWithin(clock, readLimit, reason, (limit) =>
      untilAborted(this.begin(), AbortSignal.any([signal, limit])),
    );
  }

  async #readOn(): Promise<void> {
    const { read, clock, signal, onFailure } = this.#options;
    await retry(read, {
      clock,
      signal,
      ...pauses,
      onFailure: (error) => {
        this.#trouble = error;
        onFailure(error);
      },
    });
    this.#done = true;
  }
}
