// One file for each line of controller.ts: creates the objects of a room and connects them. This one has the start and stop order.
// Called by controller.ts only.

import { second } from '../../machines/time/durations.ts';
import type { Part } from '../process/lifecycle.ts';
import { close, type Listener, listen } from '../process/listening.ts';
import { settleWithin, sleep } from '../time/clock.ts';
import type { Actors } from './actors.ts';
import type { Authorities } from './ca.ts';
import type { Challenges } from './challenges.ts';
import type { Cluster } from './cluster.ts';
import type { HostOwnership } from './host-ownership.ts';
import type { Runtime } from './runtime.ts';
import type { Sources } from './sources.ts';
import type { Viewers } from './viewers.ts';

interface Rooms {
  readonly cluster: Cluster;
  readonly authorities: Authorities;
  readonly challenges: Challenges;
  readonly ownership: HostOwnership;
  readonly sources: Sources;
  readonly actors: Actors;
  readonly viewers: Viewers;
  /** Aborts the signal of the runtime. */
  readonly abort: () => void;
}

/** Milliseconds within the pod's grace period of 30 seconds: first orders may end, then the rules are removed. */
const drainLimit = 20 * second;
const cleanUpLimit = 4 * second;

/** The parts of the process in start order; they stop in reverse order. */
export function startOrder(runtime: Runtime, rooms: Rooms): Part[] {
  return [
    connections(rooms),
    servers(runtime, rooms),
    caches(rooms),
    state(runtime, rooms),
    work(runtime, rooms),
  ];
}

function connections({ cluster, authorities }: Rooms): Part {
  return {
    name: 'connections',
    async stop() {
      await Promise.all([cluster.client.close(), authorities.close()]);
    },
  };
}

function servers({ config }: Runtime, { challenges, viewers }: Rooms): Part {
  const listeners: readonly Listener[] = [
    { server: challenges.http01.responder, port: config.port },
    { server: viewers.health, port: config.healthPort },
    { server: viewers.metrics, port: config.metricsPort },
    { server: viewers.inspector, port: config.inspectorPort, host: '127.0.0.1' },
  ];
  return {
    name: 'servers',
    start() {
      viewers.start();
      return listen(listeners);
    },
    async stop() {
      viewers.stop();
      await close(listeners);
    },
  };
}

/** The watches; their stop also ends all background work. */
function caches({ challenges, ownership, sources, abort }: Rooms): Part {
  return {
    name: 'caches',
    start() {
      challenges.http01.start();
      ownership.start();
      sources.start();
    },
    async stop() {
      abort();
      await Promise.all([sources.stopped(), ownership.stopped()]);
    },
  };
}

/** The persistent state. */
function state(
  { clock }: Runtime,
  { authorities, challenges, ownership, cluster, sources, actors }: Rooms,
): Part {
  return {
    name: 'state',
    start() {
      authorities.restore(() => actors.supervisor.send({ type: 'LEDGER_READ' }));
      ownership.restore(() => actors.supervisor.getSnapshot().context.ownership);
    },
    stop: () =>
      settleWithin(clock, cleanUpLimit, (signal) => [
        challenges.http01.removeAll(signal),
        cluster.events.drain(signal),
        sources.status.drain(signal),
        authorities.flush(),
        ownership.flush(signal),
      ]),
  };
}

function work({ config, clock, log }: Runtime, { actors }: Rooms): Part {
  const { supervisor, rounds } = actors;
  return {
    name: 'work',
    start() {
      supervisor.start();
      const { directoryUrl: directory, namespace } = config;
      log.info({ directory, namespace }, `kube-lego ${config.version} is running.`);
    },
    async stop() {
      supervisor.send({ type: 'DRAIN' });
      const limit = clock.now() + drainLimit;
      while (rounds.ordered > 0 && clock.now() < limit) await sleep(clock, 50);
      supervisor.stop();
    },
  };
}
