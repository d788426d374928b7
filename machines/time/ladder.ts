import { day, minute, second } from './durations.ts';
import { spread } from './spread.ts';

/** The pauses after failures in a row, in milliseconds; the last one repeats. */
export type Ladder = readonly [number, ...number[]];

/** After a refusal, or a failure of one's own. Let's Encrypt, integration guide: 1, 10 and 100 minutes, then once a day. */
export const refusalLadder: Ladder = [minute, 10 * minute, 100 * minute, day];
/** After trouble that is nobody's failure and passes: a server that is busy, out of order or out of reach. */
export const troubleLadder: Ladder = [5 * second, 15 * second, minute, 5 * minute];

/**
 * The pause after a failure, in milliseconds.
 * @param failures how many there were in a row, this one included
 */
export function pauseAfter(ladder: Ladder, failures: number): number {
  return ladder[Math.min(Math.max(failures, 1), ladder.length) - 1] ?? ladder[0];
}

/**
 * A pause that doubles with each failure in a row, in milliseconds.
 * @param failures this one included
 */
export function doubledPause(shortest: number, longest: number, failures: number): number {
  return Math.min(shortest * 2 ** (failures - 1), longest);
}

/** How far a pause is moved at most, as a share of it. */
export const jitter = 0.15;

/** The pause ±15 %, always the same for the same text, so that those who failed together do not come back together. */
export function jittered(pause: number, text: string): number {
  return pause * (1 - jitter + 2 * jitter * spread(text));
}
