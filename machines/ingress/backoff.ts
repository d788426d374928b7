import { type Failure, failureKind } from '../reasons/reasons.ts';
import { day, minute, second } from '../time/durations.ts';
import { checkPause, jitter, jittered, pauseAfter, refusalLadder, transientLadder } from '../time/ladder.ts';

/** Milliseconds. Maximum back-off after a failure; a Retry-After may be longer. */
export const longestBackoff = (1 + jitter) * day;
/** A certificate near its expiry is retried more often: after this share of the time left. */
const shareOfTimeLeft = 1 / 6;

/**
 * So often in a row a certificate is back in the queue when the time that the CA has named is over: of many that wait for the same limit,
 * one has bad luck again. A CA that refuses it more often names wrong times.
 */
const refusalsAtOnce = 10;

/** The CA's limits or ours have no room for the order. */
export function isRateLimit({ code }: Failure): boolean {
  return code === 'RateLimited' || code === 'TooManyAttempts' || code === 'LedgerDamaged';
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
  const step = stepAfter(failure, failures, now, notAfter);
  return Math.max(now + jittered(step, `${id}#${failures}`), failure.retryAt ?? 0);
}

function stepAfter(failure: Failure, failures: number, now: number, notAfter: number | undefined): number {
  const kind = failureKind(failure);
  if (failure.code === 'HostReturning') return 10 * minute;
  if (kind === 'check') return checkPause(failures);
  // A limit with Retry-After, of orders or of registrations, is not the certificate's own failure.
  const isLimit = isRateLimit(failure) || failure.code === 'AccountNotReady';
  const named = isLimit && failure.retryAt !== undefined;
  if (named) return pauseAfter(transientLadder, failures - refusalsAtOnce);
  if (kind !== 'attempt') {
    return Math.min(pauseAfter(transientLadder, failures), longestStep(notAfter, now, 5 * second));
  }
  return Math.min(pauseAfter(refusalLadder, failures), longestStep(notAfter, now, 100 * minute));
}

/** A six-day certificate, due at half of its lifetime, would have only three more daily attempts. */
function longestStep(notAfter: number | undefined, now: number, least: number): number {
  if (notAfter === undefined || notAfter <= now) return day;
  return Math.max(shareOfTimeLeft * (notAfter - now), least);
}
