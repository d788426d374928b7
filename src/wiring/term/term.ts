// The rooms that only the process that leads has, made anew each time that it leads. Called by controller.ts.

import type { InspectionEvent } from 'xstate';
import { holdsOrders } from '../../../machines/records/record-troubles.ts';
import type { SupervisorEvent } from '../../../machines/supervisor/supervisor-messages.ts';
import type { Caches } from '../caches.ts';
import { setUpChallenges } from '../challenges.ts';
import { type Connections, setUpRecords } from '../cluster.ts';
import type { LedTerm, TermLimits } from '../leadership.ts';
import type { Observers } from '../observers.ts';
import type { Runtime } from '../runtime.ts';
import { termOrder } from '../start-order.ts';
import { setUpPlaceholders, setUpStatus } from '../statuses.ts';
import { setUpActors } from './actors.ts';
import { setUpAuthorities } from './ca.ts';
import { setUpOwnership } from './host-ownership.ts';
import { setUpJournal } from './journal.ts';
import { type RevocationsOptions, setUpRevocations } from './revocations.ts';
import type { TermRooms } from './term-rooms.ts';
import { setUpTermViewers } from './term-viewers.ts';

export interface TermOptions {
  readonly connections: Connections;
  readonly caches: Caches;
  readonly observers: Observers;
  readonly inspect: ((event: InspectionEvent) => void) | undefined;
}

/** What a process has while it leads. */
export interface Term extends TermRooms, LedTerm {}

/**
 * All that acts, wired but not started. It is made anew for each term, as by a new process, so that nothing of an earlier term is relied
 * on; only the caches, which no term changes, are taken over.
 *
 * @throws Error if the CA bundle cannot be used
 */
export function setUpTerm(
  replica: Runtime,
  { lost, mayAct, troubles: ofLease }: TermLimits,
  { connections, caches, observers, inspect }: TermOptions,
): Term {
  const ended = new AbortController();
  const runtime: Runtime = { ...replica, signal: AbortSignal.any([lost, ended.signal]) };
  const { metrics, issuance: observer } = observers;

  const onTroubles = (): void =>
    actors.supervisor.send({
      type: 'RECORDS_CHANGED',
      troubles: [...ofLease(), ...cluster.records.current].filter(holdsOrders),
    });
  const cluster = setUpRecords(
    runtime,
    connections.writer(mayAct),
    (kind) => caches.typeOf(kind),
    onTroubles,
  );
  const authorities = setUpAuthorities(runtime, {
    cluster,
    mayWrite: mayAct,
    onReport: (report) => observer.order(report),
    onRequest: (report) => metrics.acmeRequest(report),
    tellSupervisor: (event) => actors.supervisor.send(event),
  });
  const { ca } = authorities;
  const sites = () => actors.supervisor.getSnapshot().context.ownership;
  const { challenges: watch, ofGateways } = caches;
  const around = { watch, ofGateways, zones: () => caches.zones, mayWrite: mayAct };
  const challenges = setUpChallenges(runtime, cluster, around, ca.account, observer, sites);
  const status = setUpStatus(runtime, cluster, caches);
  const placeholders = setUpPlaceholders(runtime, cluster);
  const tell = (event: SupervisorEvent): void => {
    status.observe(event);
    placeholders.observe(event);
    actors.supervisor.send(event);
    challenges.http01.follow();
    if (event.type === 'HOLDERS_READ') {
      caches.heedHolders((namespace, host) => sites().isHeldBy(namespace, host), runtime.signal);
    }
  };
  const ownership = setUpOwnership(runtime, cluster, tell);
  const isWanted: RevocationsOptions['isWanted'] = ({ namespace, secretName }) =>
    !caches.sourcesRead || sites().ownerOf(namespace, secretName) !== undefined;
  const orders = setUpJournal(runtime, cluster, ca, ownership, isWanted);
  const revocations = setUpRevocations(runtime, { cluster, ca, isWanted, actors: () => actors });
  const actors = setUpActors(runtime, {
    cluster,
    authorities,
    challenges,
    ownership,
    orders,
    revocations: revocations.register,
    status: status.writer,
    placeholders,
    isWanted,
    observer,
    inspect,
  });
  const viewers = setUpTermViewers(runtime, { cluster, authorities, actors, journal: observers.journal });
  const rooms: TermRooms = {
    cluster,
    authorities,
    challenges,
    ownership,
    orders,
    revocations,
    status,
    actors,
    viewers,
  };
  const follow = (): Promise<void> => caches.follow(tell, runtime.signal);
  const parts = termOrder(runtime, { ...rooms, follow, end: () => ended.abort() });
  return { ...rooms, parts, onTroubles };
}
