import type { CaAnswer } from '../ca/exchange.ts';
import { busy, internalError } from '../ca/faults.ts';
import type { Random } from './random.ts';

/** A time of trouble. */
export interface Outage {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
  /** Of the requests; each of them gets a 503 or a 500, or no answer at all. */
  readonly failing: number;
}

/** @returns what a request meets now in place of its answer; undefined if it gets one */
export function troubleAt(
  outages: readonly Outage[],
  now: number,
  random: Random,
): CaAnswer | 'silence' | undefined {
  const outage = outages.find(({ from, until }) => now >= from && now < until);
  if (outage === undefined || !random.chance(outage.failing)) return undefined;
  if (random.chance(0.3)) return 'silence';
  return random.chance(0.3) ? internalError() : busy(30 + random.below(270));
}
