import { BacklogWatch } from '../../authority/backlog-watch.ts';
import { lifetimesOf } from '../../config/policies.ts';
import type { HostJournal } from '../../inspector/history/host-journal.ts';
import { createInspector } from '../../inspector/inspector-endpoint.ts';
import type { Inspection } from '../../inspector/inspector-server.ts';
import type { Cluster } from '../cluster.ts';
import type { Runtime } from '../runtime.ts';
import type { Actors } from './actors.ts';
import type { Authorities } from './ca.ts';

/** What the page shows of the process that leads. */
export interface TermViewers {
  readonly inspection: Inspection;
  start(): void;
  stop(): void;
}

export interface TermViewersOptions {
  readonly cluster: Cluster;
  readonly authorities: Authorities;
  readonly actors: Actors;
  readonly journal: HostJournal;
}

export function setUpTermViewers(
  { config, clock, log }: Runtime,
  { cluster, authorities: { ca }, actors, journal }: TermViewersOptions,
): TermViewers {
  const { supervisor, ingresses } = actors;
  const backlogWatch = new BacklogWatch({
    read: () => {
      const backlog = supervisor.getSnapshot().context.admission.backlog(ca.clock.now());
      return backlog && { ...backlog, lastAt: ca.clock.byMachine(backlog.lastAt) };
    },
    clock,
    log,
  });
  const inspection = createInspector({
    version: config.version,
    annotation: config.annotationKey,
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
    inspection,
    start: () => backlogWatch.start(),
    stop() {
      inspection.stop();
      backlogWatch.stop();
    },
  };
}
