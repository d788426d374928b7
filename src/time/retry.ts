import { doubledPause } from '../../machines/time/ladder.ts';
import { type Clock, sleep } from './clock.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds before the second try, doubled before each further one. */
  readonly shortestPause: number;
  /** Milliseconds. */
  readonly longestPause: number;
  /** Maximum number of tries; unlimited if not given. */
  readonly mostTries?: number;
  /** Called for each failure except the last one. */
  readonly onFailure?: (error: unknown) => void;
  /** Milliseconds to wait instead of the default `pause`; throws if another try is useless. */
  readonly pauseAfter?: (error: unknown, pause: number) => number;
}

/**
 * Tries until it succeeds.
 * @throws the signal's reason, the failure of the last try, or what `pauseAfter` throws
 */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, signal, shortestPause, longestPause, mostTries, onFailure, pauseAfter } = options;
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (tries === mostTries) throw error;
      onFailure?.(error);
      const usual = doubledPause(shortestPause, longestPause, tries);
      const pause = pauseAfter?.(error, usual) ?? usual;
      if (pause > 0) await sleep(clock, pause, signal);
    }
  }
}
