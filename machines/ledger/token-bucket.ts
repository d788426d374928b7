import { day } from '../time/durations.ts';
import type { Limit } from './rate-limits.ts';

/**
 * The generic cell rate algorithm (GCRA), as in Boulder: the state of a bucket is its theoretical arrival time (TAT), at which it will
 * be full again; 0 if nothing was ever taken. All times in milliseconds since the epoch.
 */
export type Tat = number;

/** Milliseconds per token; rounded up, so that no computed time is too early. */
function emissionInterval({ burst, period }: Limit): number {
  return Math.ceil(period / burst);
}

/** How long an empty bucket takes to become full, in milliseconds. */
export function fillTime(limit: Limit): number {
  return emissionInterval(limit) * limit.burst;
}

/** A TAT so far ahead that only a wrong clock can have written it: treated as an empty bucket. */
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

/** Takes one token; the bucket is never below empty, and never fuller than before. */
export function spend(tat: Tat, limit: Limit, now: number): Tat {
  const after = Math.max(tat, now) + emissionInterval(limit);
  return Math.max(tat, Math.min(after, now + fillTime(limit)));
}

/** Applies the CA's statement that the bucket has no token until then. */
export function emptyUntil(tat: Tat, limit: Limit, until: number, now: number): Tat {
  const stated = until + fillTime(limit) - emissionInterval(limit);
  return Math.max(tat, Math.min(stated, now + fillTime(limit)));
}
