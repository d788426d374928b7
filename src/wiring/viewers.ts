import type { Server } from 'node:http';
import { BacklogWatch } from '../authority/backlog-watch.ts';
import { lifetimesOf } from '../config/policies.ts';
import type { HostJournal } from '../inspector/host-journal.ts';
import { createInspector } from '../inspector/inspector-endpoint.ts';
import { MetricsEndpoint } from '../metrics/endpoint.ts';
import { createHealthServer, createMetricsServer, readiness } from '../metrics/health.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { ProcessSamples } from '../metrics/process-samples.ts';
import { takeSamples } from '../metrics/sample-sources.ts';
import type { Actors } from './actors.ts';
import type { Authorities } from './ca.ts';
import type { Challenges } from './challenges.ts';
import type { Cluster } from './cluster.ts';
import type { HostOwnership } from './host-ownership.ts';
import type { Runtime } from './runtime.ts';
import type { Sources } from './sources.ts';

export interface ViewersOptions {
  readonly cluster: Cluster;
  readonly authorities: Authorities;
  readonly challenges: Challenges;
  readonly ownership: HostOwnership;
  readonly sources: Sources;
  readonly actors: Actors;
  readonly metrics: Metrics;
  readonly journal: HostJournal;
}

/** Health, metrics and the page; read-only. */
export interface Viewers {
  readonly health: Server;
  readonly metrics: Server;
  readonly inspector: Server;
  start(): void;
  stop(): void;
}

export function setUpViewers({ config, clock, log }: Runtime, options: ViewersOptions): Viewers {
  const { cluster, authorities, challenges, ownership, sources, actors, metrics, journal } = options;
  const { ca } = authorities;
  const { supervisor, ingresses } = actors;
  const ready = () =>
    readiness({ accountRead: authorities.accountRead, challengesListed: challenges.http01.state.synced });
  const admission = () => supervisor.getSnapshot().context.admission;
  const process = new ProcessSamples(config.version);
  const samples = () =>
    takeSamples({
      clock,
      ca,
      ingresses: () => ingresses.values().map((actor) => actor.getSnapshot()),
      hostOwnership: () => ({
        held: ownership.holders.size,
        complete: !ownership.holders.importing,
        invalidDomains: ownership.namespaces?.invalidDomains().length,
      }),
      ordersInFlight: () => admission().ordersInFlight,
      ordersInFlightLimit: config.maxOrdersInFlight,
      ingressReflectors: () => sources.ingressStates,
      challengeReflector: () => challenges.http01.state,
      ready: () => ready().ok,
      process,
    });
  const backlogWatch = new BacklogWatch({
    read: () => {
      const backlog = admission().backlog(ca.clock.now());
      return backlog && { ...backlog, lastAt: ca.clock.byMachine(backlog.lastAt) };
    },
    clock,
    log,
  });
  const inspector = createInspector({
    version: config.version,
    stately: config.statelyInspector,
    backlog: () => backlogWatch.current,
    lifetimes: lifetimesOf(config),
    supervisor,
    actors: ingresses,
    journal,
    ca,
    secrets: cluster.secrets,
    clock,
    log,
  });
  return {
    health: createHealthServer({ ready }),
    metrics: createMetricsServer({
      ready,
      metrics: new MetricsEndpoint({
        contentType: metrics.contentType,
        text: () => metrics.text(samples()),
        onError: (error) => log.error(error, 'The metrics cannot be read.'),
      }),
    }),
    inspector: inspector.server,
    start() {
      backlogWatch.start();
      process.start();
    },
    stop() {
      inspector.stop();
      backlogWatch.stop();
      process.stop();
    },
  };
}
