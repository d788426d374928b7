// One file for each line of controller.ts: creates the objects of a room and connects them. This one has the start and stop order.
// Called by controller.ts and term.ts only.

import type { Server } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { second } from '../../machines/time/durations.ts';
import type { Part } from '../process/lifecycle.ts';
import { close, type Listener, listen } from '../process/listening.ts';
import { tendHeap, v8Heap } from '../process/resting-heap.ts';
import { settleWithin } from '../time/clock.ts';
import type { Caches } from './caches.ts';
import type { Connections } from './cluster.ts';
import { drained, settleWhilePermitted } from './drained.ts';
import type { Leadership, LedTerm } from './leadership.ts';
import type { Runtime } from './runtime.ts';
import type { TermRooms } from './term/term-rooms.ts';
import type { Viewers } from './viewers.ts';

interface Rooms {
  readonly connections: Connections;
  readonly caches: Caches;
  readonly responder: Server;
  readonly leadership: Leadership<LedTerm>;
  readonly viewers: Viewers;
  /** Aborts the signal of the runtime. */
  readonly abort: () => void;
}

/** Milliseconds within the pod's grace period of 30 seconds, after the orders at the CA have ended. */
const cleanUpLimit = 4 * second;

/** The parts of every replica in start order; they stop in reverse order. */
export function startOrder(runtime: Runtime, rooms: Rooms): Part[] {
  return [apiConnections(rooms), servers(runtime, rooms), caches(runtime, rooms), rooms.leadership.part];
}

/** The parts of the process that leads, which has the above. */
export function termOrder(
  runtime: Runtime,
  rooms: TermRooms & { readonly follow: () => Promise<void>; readonly end: () => void },
): Part[] {
  return [background(rooms), state(runtime, rooms), work(runtime, rooms)];
}

function apiConnections({ connections }: Rooms): Part {
  return {
    name: 'connections',
    async stop() {
      await Promise.all([connections.reader.close(), connections.lease.close()]);
    },
  };
}

function servers({ config }: Runtime, { responder, viewers }: Rooms): Part {
  const listeners: readonly Listener[] = [
    { server: responder, port: config.port },
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
function caches({ clock, signal }: Runtime, { caches, abort }: Rooms): Part {
  return {
    name: 'caches',
    start() {
      void tendHeap({ clock, signal, heap: v8Heap() });
      return caches.start();
    },
    async stop() {
      abort();
      await caches.stopped();
    },
  };
}

/** What goes on beside the work; its stop ends it all. */
function background({ cluster, authorities, viewers, end }: TermRooms & { readonly end: () => void }): Part {
  return {
    name: 'background',
    start: () => viewers.start(),
    async stop() {
      end();
      viewers.stop();
      await Promise.all([cluster.client.close(), authorities.close()]);
    },
  };
}

/** The persistent state. */
function state(
  { clock, signal }: Runtime,
  { authorities, challenges, ownership, orders, revocations, cluster, status, actors }: TermRooms,
): Part {
  return {
    name: 'state',
    start() {
      challenges.http01.start();
      challenges.dns01?.start();
      const journal = orders.restore();
      Promise.all([authorities.restore(), journal]).then(
        () => {
          authorities.ca.resumeOrders(orders.entries);
          actors.supervisor.send({ type: 'LEDGER_READ' });
        },
        // They reject only with the signal's reason.
        () => undefined,
      );
      const unfinished = journal.then(() => orders.entries);
      ownership.restore(() => actors.supervisor.getSnapshot().context.ownership, unfinished);
      void orders.tend();
      void revocations.tend();
    },
    async stop() {
      if (signal.aborted) {
        // What they have not written yet is another process's to tell.
        await Promise.all([cluster.events.drain(signal), status.writer.drain(signal)]);
        return;
      }
      await settleWithin(clock, cleanUpLimit, (limit) => [
        cluster.events.drain(limit),
        status.writer.drain(limit),
        settleWhilePermitted(clock, cluster.accountSecret, limit, (permitted) => [
          challenges.http01.close((host) => orders.concerns(host), permitted),
          ...(challenges.dns01 === undefined ? [] : [challenges.dns01.close(permitted)]),
          authorities.flush(),
          ownership.flush(permitted),
          orders.flush(permitted),
        ]),
      ]);
    },
  };
}

function work(
  { config, clock, log, signal }: Runtime,
  { actors, authorities, cluster, follow }: TermRooms & { readonly follow: () => Promise<void> },
): Part {
  const { supervisor } = actors;
  return {
    name: 'work',
    start() {
      supervisor.start();
      void follow();
      const { directoryUrl: directory, namespace } = config;
      log.info({ directory, namespace }, `kube-lego ${config.version} is running.`);
    },
    async stop() {
      supervisor.send({ type: 'DRAIN' });
      if (!signal.aborted) await drained(clock, authorities.draining, cluster.accountSecret);
      supervisor.stop();
      // The rounds that this aborts leave their orders in the journal, or take them out of it.
      await setImmediate();
    },
  };
}
