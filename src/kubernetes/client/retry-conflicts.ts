import type { Clock } from '../../time/clock.ts';
import { retry } from '../../time/retry.ts';
import { isConflict, KubernetesError } from './kubernetes-error.ts';

const mostTries = 5;

/**
 * Does the work again, at once, as long as it finds what it writes changed by others; it reads anew each time.
 *
 * @param subject of the sentence about somebody who changes it all the time
 * @throws KubernetesError ServerError after five conflicts, what else the work throws, or the signal's reason
 */
export async function retryConflicts(
  work: () => Promise<void>,
  subject: string,
  options: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const atOnce = { shortestPause: 0, longestPause: 0, mostTries, pauseAfter: onlyConflicts };
  try {
    await retry(work, { ...options, ...atOnce });
  } catch (error) {
    if (!isConflict(error)) throw error;
    const message = `${subject} changed by another client again and again`;
    throw new KubernetesError('ServerError', message, { cause: error });
  }
}

/** For `retry`: at once. */
function onlyConflicts(error: unknown): number {
  if (isConflict(error)) return 0;
  throw error;
}
