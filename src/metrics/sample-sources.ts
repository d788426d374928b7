import type { OrderBudget } from '../../machines/authority/order-budget.ts';
import type { Ledger } from '../../machines/ledger/ledger.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { type RecordTrouble, recordNames } from '../../machines/records/record-troubles.ts';
import type { CaClock } from '../acme/transport/ca-clock.ts';
import type { ReflectorState } from '../kubernetes/watch/reflector.ts';
import type { Clock } from '../time/clock.ts';
import { certificateSamples, type IngressStanding } from './certificate-samples.ts';
import { limitSamples } from './limit-samples.ts';
import type { ProcessSamples } from './process-samples.ts';
import { type Sample, type Samples, single } from './samples.ts';

/** What a scrape reads of every replica. */
export interface ReplicaSources {
  readonly ingressReflectors: readonly Pick<ReflectorState, 'synced' | 'watching'>[];
  readonly challengeReflector: Pick<ReflectorState, 'synced' | 'watching'>;
  readonly ready: boolean;
  readonly leading: boolean;
  readonly recordTroubles: readonly Pick<RecordTrouble, 'record'>[];
  readonly process: ProcessSamples;
}

/** What a scrape reads of the process that leads. */
export interface LeaderSources {
  readonly clock: Pick<Clock, 'now'>;
  readonly ca: {
    readonly clock: Pick<CaClock, 'now' | 'skew'>;
    readonly ledger: Ledger;
    readonly rateLimits: RateLimits;
    readonly budget: Pick<OrderBudget, 'trouble'>;
  };
  readonly ingresses: Iterable<IngressStanding>;
  readonly hostOwnership: {
    /** Undefined until the record has been read. */
    readonly held: number | undefined;
    readonly complete: boolean;
    readonly invalidDomains: number | undefined;
  };
  /** Undefined without DNS-01. */
  readonly dns01: { readonly values: number | undefined; readonly invalidZones: number | undefined };
  readonly statusesRefused: number;
  /** Undefined without Gateway API. */
  readonly challengeRoutesLeftOver: number | undefined;
  readonly ordersInFlight: number;
  readonly ordersInFlightLimit: number;
}

export function replicaSamples(sources: ReplicaSources): Partial<Samples> {
  const { challengeReflector: challenges, ingressReflectors: ingresses } = sources;
  return {
    ...sources.process.take(),
    synced: byResource(ingresses.length > 0 && ingresses.every(({ synced }) => synced), challenges.synced),
    watching: byResource(
      ingresses.length > 0 && ingresses.every(({ watching }) => watching),
      challenges.watching,
    ),
    ready: single(sources.ready),
    leading: single(sources.leading),
    recordsFailing: recordSamples(sources.recordTroubles),
  };
}

/** A follower has none of these: what it does not know would count twice, or as nothing. */
export function leaderSamples(sources: LeaderSources): Partial<Samples> {
  const now = sources.clock.now();
  const { budget, clock, ledger, rateLimits } = sources.ca;
  const { skew } = clock;
  const { held, complete, invalidDomains } = sources.hostOwnership;
  return {
    ...certificateSamples(sources.ingresses, now),
    ...limitSamples(ledger, rateLimits, clock.now()),
    hostsHeld: single(held),
    hostRecordComplete: single(held === undefined ? undefined : complete),
    invalidDomains: single(invalidDomains),
    dnsValues: single(sources.dns01.values),
    invalidDnsZones: single(sources.dns01.invalidZones),
    statusesRefused: single(sources.statusesRefused),
    challengeRoutesLeftOver: single(sources.challengeRoutesLeftOver),
    ordersInFlight: single(sources.ordersInFlight),
    ordersInFlightLimit: single(sources.ordersInFlightLimit),
    caPaused: single(budget.trouble(clock.now()) !== undefined),
    clockSkew: single(skew === undefined ? undefined : skew / 1000),
  };
}

/** One series for each record. */
function recordSamples(troubles: readonly Pick<RecordTrouble, 'record'>[]): Sample[] {
  const failing = new Set(troubles.map(({ record }) => record));
  return recordNames.map((record) => ({ labels: { record }, value: Number(failing.has(record)) }));
}

function byResource(ingresses: boolean, challenges: boolean): Sample[] {
  return [
    { labels: { resource: 'ingresses' }, value: Number(ingresses) },
    { labels: { resource: 'challenge-ingresses' }, value: Number(challenges) },
  ];
}
