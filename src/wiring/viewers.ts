import type { Server } from 'node:http';
import { hostname } from 'node:os';
import { troubleLine } from '../../machines/records/record-troubles.ts';
import { createInspectorServer } from '../inspector/inspector-server.ts';
import { MetricsEndpoint } from '../metrics/endpoint.ts';
import { createHealthServer, createMetricsServer, readiness } from '../metrics/health.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { ProcessSamples } from '../metrics/process-samples.ts';
import { leaderSamples, replicaSamples } from '../metrics/sample-sources.ts';
import type { Caches } from './caches.ts';
import type { Leadership, LedTerm } from './leadership.ts';
import type { Runtime } from './runtime.ts';
import type { TermRooms } from './term/term-rooms.ts';

/** Health, metrics and the page; read-only. */
export interface Viewers {
  readonly health: Server;
  readonly metrics: Server;
  readonly inspector: Server;
  start(): void;
  stop(): void;
}

export interface ViewersOptions {
  readonly caches: Caches;
  readonly leadership: Leadership<LedTerm & TermRooms>;
  readonly metrics: Metrics;
}

export function setUpViewers(
  { config, clock, log }: Runtime,
  { caches, leadership, metrics }: ViewersOptions,
): Viewers {
  const ready = () => readiness({ unread: caches.unread, following: following(leadership) });
  const recordTroubles = () => [...leadership.troubles, ...(leadership.term?.cluster.records.current ?? [])];
  const troubles = () => [...recordTroubles().map(troubleLine), ...caches.interruptions];
  const process = new ProcessSamples(config.version);
  const samples = () => {
    const { term } = leadership;
    return {
      ...replicaSamples({
        ingressReflectors: caches.ingressStates,
        challengeReflector: caches.challenges.state,
        ready: ready().ok,
        leading: leadership.leading,
        recordTroubles: recordTroubles(),
        process,
      }),
      ...(term === undefined ? {} : samplesOf(term, caches, config.maxOrdersInFlight, clock)),
    };
  };
  return {
    health: createHealthServer({ ready, troubles }),
    metrics: createMetricsServer({
      ready,
      troubles,
      metrics: new MetricsEndpoint({
        contentType: metrics.contentType,
        text: () => metrics.text(samples()),
        onError: (error) => log.error(error, 'The metrics cannot be read.'),
      }),
    }),
    inspector: createInspectorServer(
      () =>
        leadership.term?.viewers.inspection ?? {
          pod: config.podName ?? hostname(),
          leader: leadership.leader,
          waitingFor: leadership.waitingFor,
          namespace: config.namespace,
          port: config.inspectorPort,
        },
    ),
    start: () => process.start(),
    stop: () => process.stop(),
  };
}

function following({ leading, waitingFor }: Leadership<LedTerm & TermRooms>): string | undefined {
  return leading ? undefined : waitingFor;
}

function samplesOf(
  { authorities: { ca }, actors, challenges, ownership, status }: TermRooms,
  { invalidDomains, invalidZones }: Caches,
  ordersInFlightLimit: number,
  clock: Runtime['clock'],
) {
  return leaderSamples({
    clock,
    ca,
    ingresses: actors.ingresses.values().map((actor) => actor.getSnapshot()),
    hostOwnership: {
      held: ownership.holders.size,
      complete: !ownership.holders.importing,
      invalidDomains: invalidDomains?.length,
    },
    dns01: { values: challenges.dns01?.values, invalidZones },
    statusesRefused: status.writer.refused,
    challengeRoutesLeftOver: challenges.http01.routesLeftOver,
    ordersInFlight: actors.supervisor.getSnapshot().context.admission.ordersInFlight,
    ordersInFlightLimit,
  });
}
