import { type Clock, sleep } from './clock.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds before the second try; doubled before each that follows. */
  readonly shortestPause: number;
  /** Milliseconds. */
  readonly longestPause: number;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Tries until it succeeds.
 * @throws the signal's reason, and nothing else
 */
export async function retry<T>(
  work: () => Promise<T>,
  { clock, signal, shortestPause, longestPause, onFailure }: RetryOptions,
): Promise<T> {
  for (let pause = shortestPause; ; pause = Math.min(2 * pause, longestPause)) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      onFailure(error);
      await sleep(clock, pause, signal);
    }
  }
}
