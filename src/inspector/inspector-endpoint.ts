import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Backlog } from '../../machines/authority/backlog.ts';
import type { Lifetime } from '../../machines/authority/known-cas.ts';
import type { SupervisorState } from '../../machines/supervisor/supervisor.ts';
import type { ObservedIngresses } from '../actors/ingress-actors.ts';
import type { SecretStore } from '../kubernetes/records/secret-store.ts';
import { factsOf } from '../secret/secret-reading.ts';
import type { Clock } from '../time/clock.ts';
import type { HostJournal } from './history/host-journal.ts';
import { Inspector } from './inspector.ts';
import type { Inspection } from './inspector-server.ts';
import type { Inspectable } from './observation.ts';
import { StatelyEndpoint } from './stately/stately.ts';
import { RenewalCalendar } from './views/renewal-calendar.ts';
import { storedCertificateOf } from './views/stored-certificate.ts';
import { type SupervisorSources, supervisorView } from './views/supervisor-view.ts';

export interface InspectorSetup {
  readonly version: string;
  /** By which a source requests certificates. */
  readonly annotation: string;
  /** Whether Stately's inspector may connect. */
  readonly stately: boolean;
  readonly supervisor: {
    readonly system: Inspectable;
    readonly sessionId: string;
    getSnapshot(): { readonly context: SupervisorState };
  };
  readonly actors: ObservedIngresses;
  readonly journal: HostJournal;
  readonly ca: SupervisorSources['ca'];
  readonly backlog: () => Backlog | undefined;
  /** Lifetimes of the CA's certificates, if known. */
  readonly lifetimes: readonly Lifetime[];
  readonly secrets: Pick<SecretStore, 'read'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The page's data; nothing is observed without viewers. */
export function createInspector(setup: InspectorSetup): Inspection & { stop(): void } {
  const onError = (error: unknown): void =>
    setup.log.error(error, 'The inspector failed to observe the actors.');
  const { version, annotation, supervisor, actors, journal, ca, secrets, clock } = setup;
  const calendar = new RenewalCalendar(
    () => actors.values().map((actor) => actor.getSnapshot().context),
    setup.lifetimes,
  );
  const inspector = new Inspector({
    actors,
    system: supervisor.system,
    clock,
    controller: { version, pod: hostname(), annotation },
    supervisor: () =>
      supervisorView({
        state: supervisor.getSnapshot().context,
        ca,
        backlog: setup.backlog(),
        renewals: calendar.at(clock.now()),
      }),
    journal,
    readCertificate: async (namespace, secretName, signal) =>
      storedCertificateOf(factsOf(await secrets.read(namespace, secretName, signal))),
    hostOwner: (host) => supervisor.getSnapshot().context.ownership.hostOwner(host, clock.now()),
    onError,
  });
  const { system, sessionId: rootId } = supervisor;
  const stately = setup.stately ? new StatelyEndpoint({ actors, system, rootId, clock, onError }) : undefined;
  return {
    views: () => inspector.views(),
    detail: (key) => inspector.detail(key),
    watch: (...viewer) => inspector.watch(...viewer),
    get hasRoom() {
      return inspector.hasRoom;
    },
    upgrade: stately && ((...upgraded) => stately.upgrade(...upgraded)),
    stop: () => {
      stately?.stop();
      inspector.stop();
    },
  };
}
