import type { OrderBudget } from '../../machines/authority/order-budget.ts';
import type { Ledger } from '../../machines/ledger/ledger.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import type { CaClock } from '../acme/transport/ca-clock.ts';
import type { ReflectorState } from '../kubernetes/watch/reflector.ts';
import type { Clock } from '../time/clock.ts';
import { certificateSamples, type IngressStanding } from './certificate-samples.ts';
import { limitSamples } from './limit-samples.ts';
import type { ProcessSamples } from './process-samples.ts';
import { type Sample, type Samples, single } from './samples.ts';

/** What a scrape reads. */
export interface MetricsSources {
  readonly clock: Pick<Clock, 'now'>;
  readonly ca: {
    readonly clock: Pick<CaClock, 'now' | 'skew'>;
    readonly ledger: Ledger;
    readonly rateLimits: RateLimits;
    readonly budget: Pick<OrderBudget, 'trouble'>;
  };
  readonly ingresses: () => Iterable<IngressStanding>;
  readonly hostOwnership: () => {
    /** Undefined until the record has been read. */
    readonly held: number | undefined;
    readonly complete: boolean;
    readonly invalidDomains: number | undefined;
  };
  readonly ordersInFlight: () => number;
  readonly ordersInFlightLimit: number;
  readonly ingressReflectors: () => readonly Pick<ReflectorState, 'synced' | 'watching'>[];
  readonly challengeReflector: () => Pick<ReflectorState, 'synced' | 'watching'>;
  readonly ready: () => boolean;
  readonly process: ProcessSamples;
}

/** Reads all samples. */
export function takeSamples(sources: MetricsSources): Samples {
  const now = sources.clock.now();
  const { budget, clock, ledger, rateLimits } = sources.ca;
  const { skew } = clock;
  const ingresses = sources.ingressReflectors();
  const challenges = sources.challengeReflector();
  const { held, complete, invalidDomains } = sources.hostOwnership();
  return {
    ...certificateSamples(sources.ingresses(), now),
    ...limitSamples(ledger, rateLimits, clock.now()),
    ...sources.process.take(),
    hostsHeld: single(held),
    hostRecordComplete: single(held === undefined ? undefined : complete),
    invalidDomains: single(invalidDomains),
    ordersInFlight: single(sources.ordersInFlight()),
    ordersInFlightLimit: single(sources.ordersInFlightLimit),
    caPaused: single(budget.trouble(clock.now()) !== undefined),
    clockSkew: single(skew === undefined ? undefined : skew / 1000),
    synced: byResource(ingresses.length > 0 && ingresses.every(({ synced }) => synced), challenges.synced),
    watching: byResource(
      ingresses.length > 0 && ingresses.every(({ watching }) => watching),
      challenges.watching,
    ),
    ready: single(sources.ready()),
  };
}

function byResource(ingresses: boolean, challenges: boolean): Sample[] {
  return [
    { labels: { resource: 'ingresses' }, value: Number(ingresses) },
    { labels: { resource: 'challenge-ingresses' }, value: Number(challenges) },
  ];
}
