import { type Failure, failureKind } from '../reasons/reasons.ts';
import { day, minute } from '../time/durations.ts';
import { jitter, jittered, pauseAfter, refusalLadder, troubleLadder } from '../time/ladder.ts';

/** Milliseconds. No failure alone makes a certificate wait longer; the CA may ask for more. */
export const longestBackoff = (1 + jitter) * day;
/** A certificate that ends soon is tried oftener than daily: after this share of the time that it has left. */
const shareOfTimeLeft = 1 / 6;

/**
 * When a failed certificate is tried again, in milliseconds since the epoch, or undefined where only a change helps.
 * Never before the time that the CA or the API server named.
 *
 * @param failures how many times in a row it has failed in this way, this one included
 * @param id spreads the times of different certificates (±15 %)
 * @param notAfter the end of the certificate that serves until then; undefined if there is none
 */
export function nextAttempt(
  failure: Failure,
  failures: number,
  id: string,
  now: number,
  notAfter?: number,
): number | undefined {
  const kind = failureKind(failure);
  if (kind === 'terminal' || kind === 'notice') return undefined;
  // Where the CA has named its time it is not the certificate's failure.
  const named = failure.code === 'RateLimited' && failure.retryAt !== undefined;
  const step =
    failure.code === 'HostReturning'
      ? 10 * minute
      : kind === 'attempt' && !named
        ? Math.min(pauseAfter(refusalLadder, failures), longestStep(notAfter, now))
        : pauseAfter(troubleLadder, failures);
  return Math.max(now + jittered(step, `${id}#${failures}`), failure.retryAt ?? 0);
}

/** A certificate of six days, due at half of them, would be tried three times more at one attempt a day. */
function longestStep(notAfter: number | undefined, now: number): number {
  if (notAfter === undefined || notAfter <= now) return day;
  return Math.max(shareOfTimeLeft * (notAfter - now), 100 * minute);
}
