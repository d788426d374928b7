import type { Ledger } from '../../machines/ledger/ledger.ts';
import { type LimitName, limitNames, type RateLimits } from '../../machines/ledger/rate-limits.ts';
import type { SampledMetric } from './catalogue.ts';
import { counts, increment, type Sample, type Samples, single } from './samples.ts';

type LimitMetric = Extract<
  SampledMetric,
  'lowestLevel' | 'capacity' | 'exhaustedBuckets' | 'blockedScopes' | 'accountBlocked'
>;

const blockCauses = [...limitNames, 'blocked', 'paused'];

/**
 * Remaining tokens by limit, without the domains and hosts that have used them up.
 *
 * @param now milliseconds since the epoch, of the ledger's clock
 */
export function limitSamples(
  ledger: Pick<Ledger, 'forecast' | 'blocks' | 'accountBlockedUntil'>,
  { limits }: RateLimits,
  now: number,
): Pick<Samples, LimitMetric> {
  const lowest = new Map<LimitName, number>();
  const exhausted = new Map<string, number>();
  for (const { limit, level } of ledger.forecast(now)) {
    lowest.set(limit, Math.min(lowest.get(limit) ?? level, level));
    if (level < 1) increment(exhausted, limit);
  }
  const blocked = new Map<string, number>();
  for (const { cause } of ledger.blocks(now)) increment(blocked, cause);
  // Full buckets have no forecast.
  const known = limitNames.flatMap((limit) => {
    const capacity = limits[limit]?.burst;
    return capacity === undefined
      ? []
      : [{ labels: { limit }, capacity, level: lowest.get(limit) ?? capacity }];
  });
  return {
    lowestLevel: known.map(({ labels, level }): Sample => ({ labels, value: level })),
    capacity: known.map(({ labels, capacity }): Sample => ({ labels, value: capacity })),
    exhaustedBuckets: counts(
      'limit',
      known.map(({ labels }) => labels.limit),
      exhausted,
    ),
    blockedScopes: counts('cause', blockCauses, blocked),
    accountBlocked: single(ledger.accountBlockedUntil(now) !== undefined),
  };
}
