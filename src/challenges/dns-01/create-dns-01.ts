import type { DnsReport } from '../../../machines/zones/dns-report.ts';
import type { Zones } from '../../../machines/zones/zone.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import type { EntryStore } from '../../kubernetes/client/entry-store.ts';
import type { ObjectMetadata } from '../../kubernetes/records/object-metadata.ts';
import type { Clock } from '../../time/clock.ts';
import { type Dns01Options, Dns01Solver } from './dns-01-solver.ts';
import { readServer } from './lookup/dns-exchange.ts';
import { NameServers } from './lookup/name-servers.ts';
import { PresentedValues, type PresentedValuesOptions } from './presented-values.ts';
import { Providers } from './providers/providers.ts';
import type { WebCallerOptions } from './providers/web-call.ts';
import { ValueKeeper, type ValueKeeperOptions } from './value-keeper.ts';

export interface DnsSurroundings extends WebCallerOptions {
  readonly client: Pick<KubernetesClient, 'call'>;
  readonly namespace: string;
  readonly metadata: ObjectMetadata;
  readonly zones: () => Zones;
  /** As `LEGO_DNS_SERVERS`. */
  readonly resolvers: readonly string[];
  readonly allowLoopback: boolean;
  readonly clock: Clock;
  readonly onDnsReport: (report: DnsReport) => void;
}

/** Look-ups and providers, as the solver and `kube-lego zones` use them. */
export function createDnsAccess({ zones, resolvers, allowLoopback, onDnsReport, ...rest }: DnsSurroundings) {
  const names = new NameServers({
    resolvers: resolvers.map(readServer),
    serversOf: (name) => (zones().of(name)?.nameServers ?? []).map(readServer),
    allowLoopback,
    clock: rest.clock,
  });
  return { names, providers: new Providers({ ...rest, names, onReport: onDnsReport }) };
}

export interface Dns01Surroundings extends DnsSurroundings {
  readonly store: EntryStore;
  readonly signal: AbortSignal;
  readonly propagationTimeout: number;
  readonly onReport: Dns01Options['onReport'];
  readonly onTrouble: PresentedValuesOptions['onTrouble'];
  readonly onNotRemoved: ValueKeeperOptions['onTrouble'];
  readonly onGivenUp: ValueKeeperOptions['onGivenUp'];
}

/** The solver with all that it needs. */
export function createDns01(surroundings: Dns01Surroundings): {
  readonly solver: Dns01Solver;
  readonly keeper: ValueKeeper;
} {
  const { clock, signal, store, zones, propagationTimeout, onReport, onTrouble } = surroundings;
  const { onNotRemoved, onGivenUp, onDnsReport } = surroundings;
  const { names, providers } = createDnsAccess(surroundings);
  const values = new PresentedValues({ store, clock, signal, onTrouble });
  const keeper = new ValueKeeper({
    values,
    providers,
    names,
    zones,
    clock,
    signal,
    onTrouble: onNotRemoved,
    onGivenUp,
  });
  signal.addEventListener('abort', () => void providers.close(), { once: true });
  const solver = new Dns01Solver({
    placement: () => ({ zones: zones(), names, providers }),
    keeper,
    clock,
    propagationTimeout,
    onReport,
    onDnsReport,
  });
  return { solver, keeper };
}
