import { type Failure, failureKind } from '../reasons/reasons.ts';
import { spread } from '../time/spread.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

/** Let's Encrypt, integration guide: 1 minute, 10 minutes, 100 minutes, then once a day per certificate. */
const attemptLadder = [minute, 10 * minute, 100 * minute, day];
/** Milliseconds. No failure alone makes a certificate wait longer; the CA may ask for more. */
export const longestBackoff = 1.15 * day;
/** A certificate that ends soon is tried oftener than daily: after this share of the time that it has left. */
const shareOfTimeLeft = 1 / 6;
const transientLadder = [5_000, 15_000, minute, 5 * minute];

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
        ? Math.min(rung(attemptLadder, failures), longestStep(notAfter, now))
        : rung(transientLadder, failures);
  const jittered = step * (0.85 + 0.3 * spread(`${id}#${failures}`));
  return Math.max(now + jittered, failure.retryAt ?? 0);
}

function rung(ladder: readonly number[], failures: number): number {
  return ladder[Math.min(Math.max(failures, 1), ladder.length) - 1] ?? day;
}

/** A certificate of six days, due at half of them, would be tried three times more at one attempt a day. */
function longestStep(notAfter: number | undefined, now: number): number {
  if (notAfter === undefined || notAfter <= now) return day;
  return Math.max(shareOfTimeLeft * (notAfter - now), 100 * minute);
}
