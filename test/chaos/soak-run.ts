import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { arrayField, isRecord, recordField, stringField } from '../../src/process/json.ts';
import type { CaEvent } from '../ca/options.ts';
import { ingress, ingressPath } from '../controller-failures/objects.ts';
import { expiryOf } from './fault-judge.ts';
import { Weather } from './fault-weather.ts';
import { FaultWorld, namespace } from './fault-world.ts';

export interface SoakRun {
  readonly seed: number;
  /** Minutes. */
  readonly minutes: number;
  readonly ingresses: number;
  /** Minutes that a certificate is good for. */
  readonly lifetime: number;
  readonly tell: (what: string) => void;
}

export interface SoakOutcome {
  /** What must not be. */
  readonly faults: readonly string[];
  readonly orders: number;
  readonly issued: number;
  /** How often the CA looked for a proof in vain. */
  readonly failedProofs: number;
  readonly changes: number;
  readonly restarts: number;
  readonly met: ReadonlyMap<string, number>;
  /** Megabytes, and megabytes an hour over the second half, of the process that lived longest. */
  readonly memory: {
    readonly minutes: number;
    readonly heap: number;
    readonly heapSlope: number;
    readonly rss: number;
    readonly rssSlope: number;
  };
}

interface Sample {
  readonly pid: number;
  readonly at: number;
  readonly heapUsed: number;
  readonly rss: number;
}

interface Asked {
  /** Its hosts have been asked for since, milliseconds since the epoch. */
  readonly since: number;
  readonly hosts: readonly string[];
}

const prefix = 'soak-';
/** What was asked for at a host, whose name is that of its Ingress, has changed. */
interface Change {
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const minute = 60_000; // milliseconds
/** Milliseconds that an order takes that was begun before a change. */
const onItsWay = minute;
/** Milliseconds. */
const longestDelay = 10_000;
/** Milliseconds that a new certificate may take, at the worst. */
const patience = 4 * minute;
/** Milliseconds between two looks at all Secrets. */
const lookInterval = 5000;
/** Milliseconds between the ends of one of the replicas. */
const restartInterval = 75_000;
/** Least part of its lifetime after which a certificate is renewed: half of it, and what a clock or a second may differ. */
const leastUse = 0.45;

/** Ingresses come, change and go, certificates live for minutes, requests fail, and one of the two replicas ends again and again. */
export async function soak({ seed, minutes, ingresses, lifetime, tell }: SoakRun): Promise<SoakOutcome> {
  const weather = new Weather(seed, { share: 0.05, longestDelay, shortestWait: 1 });
  const life = lifetime * minute;
  const profile = {
    description: 'for minutes',
    validity: () => life,
    backdated: 0,
    authorizationLifetime: () => life,
    pendingLifetime: life,
    orderLifetime: life,
    maxNames: 100,
    addresses: false,
  };
  const probe = fileURLToPath(new URL('soak-probe.mjs', import.meta.url));
  await using world = await FaultWorld.start({
    weather,
    leaseDuration: 30,
    ca: { profiles: { minutes: profile }, renewalInfo: false },
    environment: (directory) => ({
      NODE_OPTIONS: `--import=${probe}`,
      SOAK_PROBE: join(directory, 'heap.jsonl'),
    }),
  });
  const asked = new Map<string, Asked>();
  const faults = new Set<string>();
  /** Those that are in `faults` with what kube-lego said when they were found. */
  const found = new Set<string>();
  const end = Date.now() + minutes * minute;
  const changes: Change[] = [];
  let nextLook = 0;
  let nextRestart = Date.now() + restartInterval;
  const apply = async (name: string, hosts: readonly string[]): Promise<void> => {
    await world.stage.apply(ingress(`${namespace}/${name}`, { tls: { [`${name}-tls`]: hosts } }));
    asked.set(name, { since: Date.now(), hosts });
    changed(name);
  };
  const changed = (name: string): void => {
    changes.push({ host: `${name}.example.com`, at: Date.now() });
  };
  while (Date.now() < end) {
    const name = `${prefix}${weather.below(ingresses)}`;
    const present = asked.get(name);
    const hosts = [`${name}.example.com`, `www.${name}.example.com`];
    const draw = weather.below(10);
    if (present === undefined) await apply(name, hosts.slice(0, 1 + weather.below(2)));
    else if (draw === 0) {
      await world.stage.world.api.expect(ingressPath(`${namespace}/${name}`), { method: 'DELETE' });
      asked.delete(name);
      changed(name);
    } else if (draw === 1) {
      const other = present.hosts.length === 1 ? hosts : hosts.slice(0, 1);
      await apply(name, other);
    }
    if (Date.now() >= nextLook) {
      nextLook = Date.now() + lookInterval;
      for (const [late, fault] of await expired(world, asked)) {
        if (found.has(fault)) continue;
        found.add(fault);
        faults.add(`${fault}; its status: ${await statusOf(world, late)}`);
      }
      const left = Math.ceil((end - Date.now()) / minute);
      tell(`${left} min left, ${asked.size} Ingresses, ${faults.size} faults, ${world.restarts} restarts`);
    }
    if (Date.now() >= nextRestart) {
      nextRestart = Date.now() + restartInterval;
      // The other one lives on: what it keeps is measured.
      const [first] = world.replicas;
      if (first !== undefined) await world.end(first, weather.chance(0.5) ? 'kill' : 'stop');
    }
    await pause(500);
  }
  for (const fault of world.early) faults.add(`before the end of a Retry-After: ${fault}`);
  for (const fault of wasted(world, changes, life)) faults.add(fault);
  for (const fault of surplus(world, changes)) faults.add(fault);
  const { events } = world.ca;
  return {
    faults: [...faults],
    orders: events.filter((event) => event.type === 'order-made' && !event.reused).length,
    issued: events.filter(({ type }) => type === 'issued').length,
    failedProofs: events.filter(({ type }) => type === 'proof-failed').length,
    changes: changes.length,
    restarts: world.restarts,
    met: weather.met,
    memory: memoryOf(await samplesIn(join(world.stage.world.session.directory, 'heap.jsonl'))),
  };
}

/** What kube-lego says of an Ingress, and when. */
async function statusOf(world: FaultWorld, name: string): Promise<string> {
  const { body } = await world.stage.world.api.request(ingressPath(`${namespace}/${name}`));
  const annotations = recordField(recordField(body, 'metadata'), 'annotations');
  return `${stringField(annotations, 'kube-lego.io/status') ?? 'none'} (${new Date().toISOString()})`;
}

/** Certificates that are expired or missing although they have been asked for long enough, by the name of the Ingress. */
async function expired(
  world: FaultWorld,
  asked: ReadonlyMap<string, Asked>,
): Promise<(readonly [name: string, fault: string])[]> {
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  const stored = new Map<string, number>();
  for (const secret of arrayField(await world.stage.world.api.expect(path), 'items')) {
    const name = stringField(recordField(secret, 'metadata'), 'name') ?? '';
    if (!name.startsWith(prefix)) continue;
    const pem = stringField(recordField(secret, 'data'), 'tls.crt') ?? '';
    const expiry = expiryOf(Buffer.from(pem, 'base64').toString());
    if (expiry !== undefined) stored.set(name, expiry);
  }
  const now = Date.now();
  return [...asked].flatMap(([name, { since, hosts }]): (readonly [name: string, fault: string])[] => {
    if (now - since < patience) return [];
    const expiry = stored.get(`${name}-tls`);
    if (expiry === undefined)
      return [[name, `${hosts.join(', ')} has no certificate after ${patience / minute} min`]];
    return expiry > now ? [] : [[name, `the certificate of ${hosts.join(', ')} has expired`]];
  });
}

/** Certificates for one set that came sooner than the last one was due, although nothing else was asked for meanwhile. */
function wasted({ ca }: FaultWorld, changes: readonly Change[], life: number): string[] {
  const last = new Map<string, number>();
  return ca.events.flatMap((event) => {
    if (event.type !== 'issued') return [];
    const set = setOf(event);
    const before = last.get(set);
    last.set(set, event.at);
    if (before === undefined || event.at - before >= leastUse * life) return [];
    const hosts = new Set(event.identifiers.map(({ value }) => value));
    if (changes.some(({ at, host }) => hosts.has(host) && at > before - onItsWay && at < event.at)) return [];
    return [`${set} has been issued again after ${Math.round((event.at - before) / 1000)} s`];
  });
}

/** Orders for one set that neither brought a certificate nor can be explained by a proof that failed or a change of what is asked for. */
function surplus({ ca }: FaultWorld, changes: readonly Change[]): string[] {
  const events = ca.events.filter((event) => event.type === 'order-made' || event.type === 'issued');
  return [...Map.groupBy(events, setOf)].flatMap(([set, ofSet]) => {
    const orders = ofSet.filter((event) => event.type === 'order-made' && !event.reused).length;
    const issued = ofSet.filter(({ type }) => type === 'issued').length;
    const hosts = set.split(', ');
    const failed = ca.events.filter(
      (event) => event.type === 'proof-failed' && hosts.includes(event.identifier),
    ).length;
    const changed = changes.filter(({ host }) => hosts.includes(host)).length;
    const unfinished = ofSet.at(-1)?.type === 'order-made' ? 1 : 0;
    if (orders <= issued + failed + changed + unfinished) return [];
    return [
      `${orders} orders for ${issued} certificates of ${set}, after ${failed} failed proofs and ${changed} changes`,
    ];
  });
}

/** The names of an order or a certificate. */
function setOf({ identifiers }: Pick<Extract<CaEvent, { type: 'issued' }>, 'identifiers'>): string {
  return identifiers
    .map(({ value }) => value)
    .toSorted((one, other) => (one < other ? -1 : 1))
    .join(', ');
}

async function samplesIn(file: string): Promise<Sample[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  return lines.flatMap((line) => {
    const sample: unknown = JSON.parse(line);
    if (!isRecord(sample)) return [];
    const { at, heapUsed, pid, rss } = sample;
    return [{ pid: Number(pid), at: Number(at), heapUsed: Number(heapUsed), rss: Number(rss) }];
  });
}

function memoryOf(samples: readonly Sample[]): SoakOutcome['memory'] {
  const lives = [...Map.groupBy(samples, ({ pid }) => pid).values()];
  const [longest = []] = lives.toSorted((one, other) => other.length - one.length);
  const half = longest.slice(Math.floor(longest.length / 2));
  const last = longest.at(-1);
  const first = longest[0];
  return {
    minutes: ((last?.at ?? 0) - (first?.at ?? 0)) / minute,
    heap: (last?.heapUsed ?? 0) / 2 ** 20,
    heapSlope: slope(half.map(({ at, heapUsed }) => [at / (60 * minute), heapUsed / 2 ** 20])),
    rss: (last?.rss ?? 0) / 2 ** 20,
    rssSlope: slope(half.map(({ at, rss }) => [at / (60 * minute), rss / 2 ** 20])),
  };
}

/** By least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, one) => sum + one, 0) / values.length;
  const [x, y] = [mean(points.map(([one]) => one)), mean(points.map(([, one]) => one))];
  const covariance = points.reduce((sum, [one, other]) => sum + (one - x) * (other - y), 0);
  const variance = points.reduce((sum, [one]) => sum + (one - x) ** 2, 0);
  return covariance / variance;
}
