import { type Failure, failureKind } from '../reasons/reasons.ts';
import { day, minute } from '../time/durations.ts';
import { jitter, jittered, pauseAfter, refusalLadder, transientLadder } from '../time/ladder.ts';

/** Milliseconds. Maximum back-off after a failure; a Retry-After may be longer. */
export const longestBackoff = (1 + jitter) * day;
/** A certificate near its expiry is retried more often than daily: after this share of the time left. */
const shareOfTimeLeft = 1 / 6;

/** The CA's limits or ours have no room for the order. */
export function isRateLimit({ code }: Failure): boolean {
  return code === 'RateLimited' || code === 'TooManyAttempts';
}

/**
 * When a failed certificate is retried, in milliseconds since the epoch; undefined if only a change helps. Never before a
 * Retry-After.
 *
 * @param failures consecutive ones of this kind, including this one
 * @param id seed of the jitter (±15 %)
 * @param notAfter expiry of the certificate in use; undefined if there is none
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
  // A rate limit with Retry-After is not the certificate's own failure.
  const named = isRateLimit(failure) && failure.retryAt !== undefined;
  const step =
    failure.code === 'HostReturning'
      ? 10 * minute
      : kind === 'attempt' && !named
        ? Math.min(pauseAfter(refusalLadder, failures), longestStep(notAfter, now))
        : pauseAfter(transientLadder, failures);
  return Math.max(now + jittered(step, `${id}#${failures}`), failure.retryAt ?? 0);
}

/** A six-day certificate, due at half of its lifetime, would have only three more daily attempts. */
function longestStep(notAfter: number | undefined, now: number): number {
  if (notAfter === undefined || notAfter <= now) return day;
  return Math.max(shareOfTimeLeft * (notAfter - now), 100 * minute);
}
