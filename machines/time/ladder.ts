import { day, minute, second } from './durations.ts';
import { spread } from './spread.ts';

/** Pauses after consecutive failures, in milliseconds; the last one repeats. */
export type Ladder = readonly [number, ...number[]];

/** For refusals and for a certificate's own failures. Let's Encrypt, integration guide: 1, 10 and 100 minutes, then daily. */
export const refusalLadder: Ladder = [minute, 10 * minute, 100 * minute, day];
/** For transient failures: a server that is busy, failing or unreachable. */
export const transientLadder: Ladder = [5 * second, 15 * second, minute, 5 * minute];

/**
 * The pause after a failure, in milliseconds.
 * @param failures consecutive, including this one
 */
export function pauseAfter(ladder: Ladder, failures: number): number {
  return ladder[Math.min(Math.max(failures, 1), ladder.length) - 1] ?? ladder[0];
}

/** Checks that are repeated every minute, and those after which a day has passed. */
const checksAtFirst = 10;
const checksOfDay = checksAtFirst + (day - checksAtFirst * minute) / (5 * minute);

/**
 * The pause after a check that failed and cost the CA nothing, such as the self-check, in milliseconds: what it waits for, such as a
 * DNS record, may come at any moment.
 * @param failures consecutive, including this one
 */
export function checkPause(failures: number): number {
  if (failures <= checksAtFirst) return minute;
  return failures <= checksOfDay ? 5 * minute : 30 * minute;
}

/** How many checks have failed in so many milliseconds, about. */
export function checksWithin(elapsed: number): number {
  if (elapsed < checksAtFirst * minute) return 0;
  return elapsed < day ? checksAtFirst : checksOfDay;
}

/**
 * Exponential back-off, in milliseconds.
 * @param failures consecutive, including this one
 */
export function doubledPause(shortest: number, longest: number, failures: number): number {
  return Math.min(shortest * 2 ** (failures - 1), longest);
}

/** Maximum deviation of a pause, as a share of it. */
export const jitter = 0.15;

/** The pause ±15 %, deterministic by text: requests that failed together are not repeated together. */
export function jittered(pause: number, text: string): number {
  return pause * (1 - jitter + 2 * jitter * spread(text));
}
