import { setTimeout as pause } from 'node:timers/promises';
import { type Cluster, startCluster } from '../../deploy/local/cluster.ts';
import { stringField } from '../../src/process/json.ts';
import { ingress } from '../controller-failures/objects.ts';
import { faultsOf, type Subject, subjectOf } from './fault-judge.ts';
import { Weather } from './fault-weather.ts';
import { FaultWorld, namespace } from './fault-world.ts';
import type { Replica } from './replica.ts';

export interface FaultRun {
  readonly seed: number;
  readonly ingresses: number;
  /** Seconds. */
  readonly leaseDuration: number;
  /** Share of the requests that meet a fault. */
  readonly share: number;
  /** Milliseconds. */
  readonly longestDelay: number;
  /** Of a Retry-After, in whole seconds. */
  readonly shortestWait: number;
  /** Milliseconds between two Ingresses. */
  readonly interval: number;
  /** The leader is cut off from the Lease, and from nothing else, until another one leads. */
  readonly cutOff: boolean;
  /** Milliseconds that the API server is down, its etcd compacted meanwhile; undefined: it is not. */
  readonly outage: number | undefined;
  readonly tell: (what: string) => void;
}

export interface FaultOutcome {
  /** What must not be. */
  readonly faults: readonly string[];
  /** How often each fault was met. */
  readonly met: ReadonlyMap<string, number>;
  /** From the last Ingress to the last certificate. */
  readonly seconds: number;
  readonly restarts: number;
  readonly orders: number;
}

/** Milliseconds after the last Ingress, or the last trouble, until all have their certificates. */
const patience = 600_000;
/** Milliseconds that a takeover may take on a busy machine. */
const longestTakeover = 240_000;
/** Milliseconds in which it could go on to write. */
const afterTakeover = 10_000;
/** Milliseconds that what is left behind stays. */
const tail = 90_000;

/** Everything goes wrong now and then, and all ends right. */
export async function runFaults(run: FaultRun): Promise<FaultOutcome> {
  const { cutOff, ingresses, leaseDuration, outage, tell } = run;
  const weather = new Weather(run.seed, {
    share: run.share,
    longestDelay: run.longestDelay,
    shortestWait: run.shortestWait,
  });
  const cluster = outage === undefined ? undefined : await startCluster();
  await using world = await FaultWorld.start({ weather, cluster, leaseDuration });
  const subjects = Array.from({ length: ingresses }, (_, index) => subjectOf(index));
  const faults: string[] = [];
  const half = Math.floor(ingresses / 2);
  await create(world, subjects.slice(0, half), run.interval);
  const troubles = async (): Promise<void> => {
    if (cutOff) faults.push(...(await partition(world, tell)));
    if (cluster !== undefined && outage !== undefined) {
      await compact(cluster);
      tell(`the API server is down for ${outage / 1000} s, and its history is compacted`);
      await cluster.stopApiServer();
      await pause(outage);
      await compact(cluster);
      await cluster.startApiServer();
    }
  };
  // In the middle of the work.
  await untilStored(world, subjects.slice(0, Math.ceil(half / 4)));
  await troubles();
  await create(world, subjects.slice(half), run.interval);
  const begun = performance.now();
  let waiting = subjects;
  while (waiting.length > 0 && performance.now() - begun < patience) {
    tell(`${waiting.length} of ${ingresses} wait, ${world.restarts} restarts`);
    await pause(1000);
    waiting = await without(world, waiting);
  }
  const seconds = (performance.now() - begun) / 1000;
  weather.severity = { ...weather.severity, share: 0 };
  const end = performance.now() + tail;
  while (performance.now() < end && (await world.leftovers()).length > 0) await pause(1000);
  faults.push(...(await faultsOf(world, subjects)));
  if (faults.length > 0) tell(await world.logs());
  const orders = subjects.reduce((sum, { host }) => sum + world.ordered(host), 0);
  return { faults, met: weather.met, seconds, restarts: world.restarts, orders };
}

async function create(world: FaultWorld, subjects: readonly Subject[], interval: number): Promise<void> {
  for (const { name, secretName, host } of subjects) {
    await world.stage.apply(ingress(`${namespace}/${name}`, { tls: { [secretName]: [host] } }));
    await pause(interval);
  }
}

async function untilStored(world: FaultWorld, subjects: readonly Subject[]): Promise<void> {
  const end = performance.now() + patience;
  while (performance.now() < end && (await without(world, subjects)).length > 0) await pause(500);
}

async function without(world: FaultWorld, subjects: readonly Subject[]): Promise<Subject[]> {
  const waiting: Subject[] = [];
  for (const subject of subjects) {
    if ((await world.stored(subject.secretName)) === undefined) waiting.push(subject);
  }
  return waiting;
}

async function untilLed(world: FaultWorld): Promise<Replica | undefined> {
  const end = performance.now() + longestTakeover;
  let leader = await world.leader();
  while (leader === undefined && performance.now() < end) {
    await pause(200);
    leader = await world.leader();
  }
  return leader;
}

/** The leader is cut off from the Lease until another one leads, and a little longer. */
async function partition(world: FaultWorld, tell: (what: string) => void): Promise<string[]> {
  const leader = await untilLed(world);
  if (leader === undefined) return ['nobody leads'];
  let since: number | undefined;
  // A write that is delayed on its way says nothing of who has sent it when.
  await world.weather.calm(() =>
    world.cutOff(leader, async () => {
      tell(`${leader.name} is cut off from the Lease`);
      const begun = Date.now();
      while (since === undefined && Date.now() < begun + longestTakeover) {
        await pause(1000);
        since = await takenOver(world, leader, begun);
      }
      await pause(afterTakeover);
    }),
  );
  if (since === undefined) return [`nobody has taken over from ${leader.name}`];
  const from = since;
  const late = (await world.writesOf(leader)).filter(({ receivedAt }) => receivedAt >= from);
  return late.map(({ verb, uri }) => `${leader.name} does not lead any more and writes: ${verb} ${uri}`);
}

/** When another one than this has taken the Lease, by the API server's audit log; undefined if none has. */
async function takenOver(world: FaultWorld, leader: Replica, begun: number): Promise<number | undefined> {
  for (const replica of world.replicas.filter((each) => each !== leader)) {
    const taken = (await world.writesOf(replica)).find(
      ({ receivedAt, resource, status }) => resource === 'leases' && status < 300 && receivedAt > begun,
    );
    if (taken !== undefined) return taken.receivedAt;
  }
  return undefined;
}

/** Takes the history away, so that a watch from an older version is told 410. */
async function compact({ etcdUrl }: Cluster): Promise<void> {
  const ask = async (path: string, body: object): Promise<unknown> => {
    const answer = await fetch(`${etcdUrl}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
    return answer.json();
  };
  const header: unknown = Reflect.get(Object(await ask('range', { key: 'AA==' })), 'header');
  await ask('compaction', { revision: stringField(header, 'revision'), physical: true });
}
