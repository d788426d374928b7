import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../../deploy/local/free-ports.ts';
import { startPebble } from '../../deploy/local/pebble.ts';
import { type ApiWrites, apiWritesSince, describeWrites } from './api-writes.ts';
import { isNewNonce } from './ca-requests.ts';
import { type CpuSpent, cpuRows, measureCpu } from './cpu-spent.ts';
import { createIngress, inParallel, members } from './fleet.ts';
import { type FloorResult, floorRow, measureFloor } from './floor.ts';
import { type Bench, type Progress, Stage } from './stage.ts';
import type { Row } from './table.ts';
import { watched } from './watched.ts';

const samples = 20;
/** More than the second between two writes of a challenge Ingress: each Ingress is to be alone. */
const pauseBetween = 1500;
const fleet = 200;
const inFlight = 10;

/** One Ingress at a time: the total cost of the first, and the times of twenty, one after the other. */
export async function measureOne(bench: Bench): Promise<Row[]> {
  await using stage = await Stage.start(bench);
  const { progress } = bench;
  progress('one Ingress alone');
  await stage.settled();
  await stage.ca.take();
  const since = Date.now();
  for (const member of members(1, 1)) await stage.issue(member);
  await stage.settled();
  const writes = await apiWritesSince(stage.world.cluster.auditLog, since);
  const requests = await stage.ca.take();

  const times: number[] = [];
  for (const member of members(2, samples)) {
    await delay(pauseBetween);
    times.push(await stage.issue(member));
    progress(`one Ingress after the other: ${times.length} of ${samples}`);
  }
  const median = quantile(times, 0.5);
  return [
    {
      what: 'one Ingress until its Secret is filled, p50',
      peer: '9.3 s',
      goal: '≤ 0.15 s',
      measured: `${seconds(median)} (of ${samples}; fastest ${seconds(Math.min(...times))}, slowest ${seconds(Math.max(...times))})`,
      met: median <= 150,
    },
    {
      what: 'API writes, one alone, until it is stored and told',
      peer: '62',
      goal: '≤ 7',
      measured: `${writes.total - writes.behind}`,
      met: writes.total - writes.behind <= 7,
    },
    {
      what: 'API writes, one alone, with those written behind',
      peer: '62',
      goal: '–',
      measured: `${writes.total} (${describeWrites(writes)})`,
      met: true,
    },
    {
      what: 'CA requests, one alone',
      peer: '–',
      goal: '≤ 9',
      measured: `${requests.length} (${requests.filter(isNewNonce).length} new-nonce)`,
      met: requests.length <= 9,
    },
  ];
}

interface Burst {
  readonly cpu: CpuSpent;
  readonly perSecond: number;
  readonly writes: ApiWrites;
  readonly requests: readonly string[];
}

/** Many Ingresses at once, with the floor before and after. */
export async function measureBurst(bench: Bench): Promise<Row[]> {
  await using stage = await Stage.start(bench);
  const { progress } = bench;
  const before = await floorOf(stage, 'floor-before', progress);
  const { cpu, perSecond, writes, requests } = await runBurst(stage, 1000, progress);
  const seen = await watched(stage, () => runBurst(stage, 2000, progress));
  const after = await floorOf(stage, 'floor-after', progress);
  const what = `floor: a bare ACME loop, ${inFlight} in flight, certificates/s`;
  const { floor, row } = floorRow(what, before, after);
  const ratio = perSecond / floor.perSecond;
  const newNonces = requests.filter(isNewNonce).length;
  const lastNewNonce = requests.findLastIndex(isNewNonce) + 1;
  const writesEach = writes.total / fleet;
  const requestsEach = requests.length / fleet;
  return [
    row,
    {
      what: `${fleet} Ingresses created at once, certificates/s`,
      peer: '0.56 default, 4.4 tuned',
      goal: '≥ 0.6 × floor',
      measured: `${perSecond.toFixed(1)} = ${ratio.toFixed(2)} × floor`,
      met: ratio >= 0.6,
    },
    {
      what: `the same once more with a viewer of the page, certificates/s`,
      peer: '–',
      goal: '–',
      measured: `${seen.perSecond.toFixed(1)} (without ${perSecond.toFixed(1)})`,
      met: true,
    },
    ...cpuRows(cpu, fleet, floor),
    {
      what: `API writes per certificate, ${fleet} at once`,
      peer: '62',
      goal: '≤ 3.5; challenge Ingress ≤ 6 in all',
      measured: `${writesEach.toFixed(2)} (${describeWrites(writes)})`,
      met: writesEach <= 3.5 && writes.challengeIngresses <= 6,
    },
    {
      what: `CA requests per certificate, ${fleet} at once`,
      peer: '–',
      goal: '≤ 9; new-nonce only at the start',
      measured: `${requestsEach.toFixed(2)}; ${newNonces} new-nonce, the last one as request ${lastNewNonce} of ${requests.length}`,
      // The first orders begin together, before any answer has brought a nonce.
      met: requestsEach <= 9 && newNonces <= 2 * inFlight && lastNewNonce <= requests.length / 20,
    },
  ];
}

/** @param first number of the first of them */
async function runBurst(stage: Stage, first: number, progress: Progress): Promise<Burst> {
  await stage.settled();
  progress(`${fleet} Ingresses at once`);
  await stage.ca.take();
  const fleetMembers = members(first, fleet);
  let filled = 0;
  const cpuSince = await measureCpu(stage.controller.pid);
  const since = Date.now();
  const startedAt = performance.now();
  const all = Promise.all(
    fleetMembers.map(async (member) => {
      const at = await stage.secrets.filled(member);
      filled += 1;
      if (filled % 50 === 0) progress(`${fleet} Ingresses at once: ${filled} certificates`);
      return at;
    }),
  );
  const creating = inParallel(fleetMembers, (member) => createIngress(stage.world.api, member));
  const [times] = await stage.world.pebble.guard(Promise.all([all, creating]));
  const cpu = await cpuSince();
  const perSecond = (fleet * 1000) / (Math.max(...times) - startedAt);
  progress('waiting for what is written behind');
  await stage.settled();
  return {
    cpu,
    perSecond,
    writes: await apiWritesSince(stage.world.cluster.auditLog, since),
    requests: await stage.ca.take(),
  };
}

/** The bare loop on a fresh pebble of the same configuration. */
async function floorOf({ world }: Stage, name: string, progress: Progress): Promise<FloorResult> {
  progress('floor');
  const [port = 0, tlsPort = 0] = await freePorts(2);
  await using pebble = await startPebble({
    session: world.session,
    name,
    vaHttpPort: port,
    vaTlsPort: tlsPort,
    dnsAddress: world.dns.address,
  });
  const caBundle = await readFile(pebble.caBundle, 'utf8');
  const hosts = members(0, fleet).map(({ host }) => host);
  const options = { directoryUrl: pebble.directoryUrl, caBundle, port };
  // Awaited here: the CA ends with this function.
  return await measureFloor({ options, hosts, inFlight }, (work) => pebble.guard(work));
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
