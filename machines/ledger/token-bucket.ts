import { day } from '../time/durations.ts';
import type { Limit } from './rate-limits.ts';

/**
 * The generic cell rate algorithm, as Boulder counts: a bucket is one time, the theoretical arrival time (TAT), at which
 * it will be full again. 0 stands for a bucket that nothing was taken from. All times in milliseconds since the epoch.
 */
export type Tat = number;

/** Milliseconds in which one token comes back; rounded up, so that no time is ever too early. */
function emissionInterval({ burst, period }: Limit): number {
  return Math.ceil(period / burst);
}

/** How long an empty bucket takes to fill up, in milliseconds. */
export function fillTime(limit: Limit): number {
  return emissionInterval(limit) * limit.burst;
}

/** A time so far ahead that only a clock that was wrong can have written it stands for a bucket that is empty now. */
export function plausible(tat: Tat, limit: Limit, now: number): Tat {
  return tat > now + 2 * fillTime(limit) + day ? now + fillTime(limit) : tat;
}

/** When the bucket holds this many tokens; `now` if it does already. */
export function timeOfTokens(tat: Tat, limit: Limit, tokens: number, now: number): number {
  const full = Math.max(tat, now);
  return Math.max(full - fillTime(limit) + tokens * emissionInterval(limit), now);
}

/** Whole tokens in the bucket. */
export function tokensAt(tat: Tat, limit: Limit, now: number): number {
  const missing = Math.max(tat - now, 0);
  return Math.max(limit.burst - Math.ceil(missing / emissionInterval(limit)), 0);
}

/** The bucket with one token less; never emptier than empty, and never fuller than it was. */
export function spend(tat: Tat, limit: Limit, now: number): Tat {
  const after = Math.max(tat, now) + emissionInterval(limit);
  return Math.max(tat, Math.min(after, now + fillTime(limit)));
}

/** The bucket after the CA said that it has no token until then. */
export function emptyUntil(tat: Tat, limit: Limit, until: number, now: number): Tat {
  const told = until + fillTime(limit) - emissionInterval(limit);
  return Math.max(tat, Math.min(told, now + fillTime(limit)));
}
