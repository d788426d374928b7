import { getServers } from 'node:dns';
import type { DnsReport } from '../../machines/zones/dns-report.ts';
import type { Zones } from '../../machines/zones/zone.ts';
import type { ChallengeSolver, PreparationReport } from '../challenges/challenge-solver.ts';
import { SecretEntries } from '../kubernetes/records/secret-entries.ts';
import type { Cluster } from './cluster.ts';
import type { Runtime } from './runtime.ts';

/** DNS-01, whose code is loaded when it starts: who has no DNS zones pays nothing for it. */
export interface Dns01 {
  readonly solver: ChallengeSolver;
  /** Starts to remove what an earlier process has left in the DNS. */
  start(): void;
  /** Number of values that may be in the DNS; undefined until it is loaded. */
  readonly values: number | undefined;
  /** Removes what no order needs any more. */
  close(signal: AbortSignal): Promise<void>;
}

interface Surroundings {
  readonly zones: () => Zones;
  /** Whether the DNS may be written to now. */
  readonly mayWrite: () => boolean;
  readonly onReport: (round: string, report: PreparationReport) => void;
  readonly onDnsReport: (report: DnsReport) => void;
}

export function setUpDns01(runtime: Runtime, cluster: Cluster, surroundings: Surroundings): Dns01 {
  let loading: ReturnType<typeof load> | undefined;
  let keeper: Awaited<ReturnType<typeof load>>['keeper'] | undefined;
  const loaded = (): ReturnType<typeof load> => {
    loading ??= load(runtime, cluster, surroundings);
    return loading;
  };
  return {
    solver: {
      type: 'dns-01',
      spreads: true,
      prepare: async (preparation, signal) => (await loaded()).solver.prepare(preparation, signal),
      present: async (round, challenge, signal) => (await loaded()).solver.present(round, challenge, signal),
      cleanUp(round) {
        // Before it is loaded there is nothing to remove.
        loading?.then(({ solver }) => solver.cleanUp(round)).catch(() => undefined);
      },
      canJudge: () => false,
    },
    start() {
      // Rejects only with the signal's reason.
      loaded()
        .then(async (dns01) => {
          keeper = dns01.keeper;
          await keeper.removeLeftovers();
        })
        .catch(() => undefined);
    },
    get values() {
      return keeper?.size;
    },
    async close(signal) {
      if (loading === undefined) return;
      await (await loading).keeper.settled(signal);
    },
  };
}

async function load(
  { config, clock, log, signal, userAgent }: Runtime,
  { client }: Cluster,
  { zones, mayWrite, onReport, onDnsReport }: Surroundings,
) {
  const { createDns01 } = await import('../challenges/dns-01/create-dns-01.ts');
  const { allowLoopback, caBundle, dnsServers, namespace, objectMetadata: metadata, proxy } = config;
  return createDns01({
    client,
    store: new SecretEntries(client, namespace, 'dns', metadata),
    namespace,
    metadata,
    zones,
    mayWrite,
    resolvers: dnsServers ?? getServers(),
    allowLoopback,
    clock,
    signal,
    userAgent,
    caBundle,
    proxy,
    propagationTimeout: config.dnsPropagationTimeout,
    onReport,
    onDnsReport,
    onTrouble: (trouble) =>
      typeof trouble === 'string'
        ? log.error(trouble)
        : log.error(
            trouble,
            'The record of values in the DNS cannot be read or written; kube-lego tries again.',
          ),
    onNotRemoved: (error, { record }) =>
      log.warn(
        { err: error, record: record.name },
        'A value in the DNS was not removed; kube-lego tries again.',
      ),
    onGivenUp: ({ domain, record }) =>
      log.warn(
        { record: record.name },
        `A value in the DNS stays there: zone ${domain}, by which it was written, has not been listed for a day. Remove the TXT record by hand.`,
      ),
  });
}
