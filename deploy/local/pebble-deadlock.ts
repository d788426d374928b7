import { setTimeout as delay } from 'node:timers/promises';
import { LocalError } from './local-error.ts';

const interval = 1_000;
const answerLimit = 5_000; // milliseconds; a healthy one answers in a few, on a busy machine in some hundred

/**
 * Waits for the work and meanwhile asks once a second whether pebble's store still answers.
 * @param probe rejects when its signal aborts
 * @throws LocalError Deadlocked, and whatever the work throws
 */
export async function guardAgainstDeadlock<T>(
  work: Promise<T>,
  probe: (signal: AbortSignal) => Promise<void>,
): Promise<T> {
  const done = new AbortController();
  try {
    return await Promise.race([work, watch(probe, done.signal)]);
  } finally {
    done.abort();
  }
}

async function watch(probe: (signal: AbortSignal) => Promise<void>, done: AbortSignal): Promise<never> {
  for (;;) {
    await delay(interval, undefined, { signal: done });
    const limit = AbortSignal.timeout(answerLimit);
    try {
      await probe(AbortSignal.any([limit, done]));
    } catch (error) {
      // A refused connection is a pebble that was stopped or is being restarted, on purpose perhaps.
      if (limit.aborted) {
        throw new LocalError(
          'Deadlocked',
          `pebble is deadlocked: its store has not answered for ${answerLimit / 1_000} s. It locks itself up when many orders are ` +
            'in flight (at most 10 is fairly safe); this says nothing about its client. Start a fresh one and try again.',
          { cause: error },
        );
      }
    }
  }
}
