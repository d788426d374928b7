import { setTimeout as delay } from 'node:timers/promises';
import { LocalError } from './local-error.ts';

export interface DeadlockLimits {
  /** milliseconds between two questions */
  readonly interval: number;
  /** milliseconds without an answer that mean a deadlock */
  readonly answer: number;
}

// A healthy one answers in a few milliseconds; on a busy machine it may stand still for a quarter of a minute.
const defaultLimits: DeadlockLimits = { interval: 1_000, answer: 45_000 };

/**
 * Waits for the work and meanwhile asks once a second whether pebble's store still answers.
 * @param probe rejects when its signal aborts
 * @throws LocalError Deadlocked, and whatever the work throws
 */
export async function guardAgainstDeadlock<T>(
  work: Promise<T>,
  probe: (signal: AbortSignal) => Promise<void>,
  limits: DeadlockLimits = defaultLimits,
): Promise<T> {
  const done = new AbortController();
  try {
    return await Promise.race([work, watch(probe, limits, done.signal)]);
  } finally {
    done.abort();
  }
}

async function watch(
  probe: (signal: AbortSignal) => Promise<void>,
  limits: DeadlockLimits,
  done: AbortSignal,
): Promise<never> {
  for (;;) {
    await delay(limits.interval, undefined, { signal: done });
    const limit = AbortSignal.timeout(limits.answer);
    try {
      await probe(AbortSignal.any([limit, done]));
    } catch (error) {
      // A refused connection is a pebble that was stopped or is being restarted, on purpose perhaps.
      if (limit.aborted) {
        throw new LocalError(
          'Deadlocked',
          `pebble is deadlocked: its store has not answered for ${limits.answer / 1_000} s. It locks itself up when many orders are ` +
            'in flight (at most 10 is fairly safe); this says nothing about its client. Start a fresh one and try again.',
          { cause: error },
        );
      }
    }
  }
}
