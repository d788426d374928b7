import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../../deploy/local/free-ports.ts';
import { apiWritesSince, describeWrites } from './api-writes.ts';
import { cpuRows, measureCpu } from './cpu-spent.ts';
import { createIngress, inParallel, members } from './fleet.ts';
import { type FloorResult, floorRow, measureFloor } from './floor.ts';
import { type Bench, type Progress, Stage } from './stage.ts';
import { StrictCaProcess } from './strict-ca-process.ts';
import type { Row } from './table.ts';
import { ProcessUsage } from './usage.ts';

const fleet = 1000;
const inFlight = 50;
const minute = 60_000;

/** More Ingresses at once than pebble supports, at the strict CA of the tests; the floor before and after. */
export async function measureRush(bench: Bench): Promise<Row[]> {
  const { progress } = bench;
  let started: StrictCaProcess | undefined;
  await using stage = await Stage.start(bench, {}, async (world) => {
    started = await StrictCaProcess.start(world, 'strict-ca', world.edge.httpPort);
    return {
      LEGO_URL: started.directoryUrl,
      LEGO_CA_BUNDLE: started.caBundle,
      LEGO_MAX_ORDERS_IN_FLIGHT: String(inFlight),
    };
  });
  await using ca = started;
  if (ca === undefined) throw new Error('the strict CA was not started');
  const before = await floorOf(stage, 'floor-before', progress);
  const usage = new ProcessUsage(stage.controller.pid);
  await ca.take();
  const cpuSince = await measureCpu(stage.controller.pid);
  const since = Date.now();
  const took = await run(stage, progress);
  const cpu = await cpuSince();
  const peakBytes = await usage.peakBytes();
  const settledBytes = delay(minute).then(() => usage.residentBytes());
  // Awaited below, in any case.
  settledBytes.catch(() => undefined);
  await stage.settled();
  const requests = await ca.take();
  const writes = await apiWritesSince(stage.world.cluster.auditLog, since);
  const after = await floorOf(stage, 'floor-after', progress);
  const { floor, row } = floorRow(
    `floor at the strict CA, ${inFlight} in flight, certificates/s`,
    before,
    after,
  );
  progress('the rest of a minute');
  const restBytes = await settledBytes;
  const perSecond = fleet / took;
  const ratio = perSecond / floor.perSecond;
  const refused = requests.filter((request) => !/ 2\d\d$/.test(request)).length;
  const requestsEach = requests.length / fleet;
  const writesEach = writes.total / fleet;
  return [
    row,
    {
      what: `${fleet} Ingresses at once, ${inFlight} in flight, certificates/s`,
      peer: '–',
      goal: '≥ 0.5 × floor',
      measured: `${perSecond.toFixed(1)} = ${ratio.toFixed(2)} × floor; ${took.toFixed(1)} s in all, ${cpu.controller.toFixed(1)} s of CPU`,
      met: ratio >= 0.5,
    },
    ...cpuRows(cpu, fleet, floor, 2),
    {
      what: `CA requests per certificate, ${fleet} at once`,
      peer: '–',
      goal: '≤ 9, none refused',
      measured: `${requestsEach.toFixed(2)}, ${refused} refused`,
      met: requestsEach <= 9 && refused === 0,
    },
    {
      what: `API writes per certificate, ${fleet} at once`,
      peer: '62',
      goal: '≤ 4',
      measured: `${writesEach.toFixed(2)} (${describeWrites(writes)})`,
      met: writesEach <= 4,
    },
    {
      what: `highest RSS in ${fleet} issuances, and RSS a minute after`,
      peer: '167 MB',
      goal: '≤ 250 MB, ≤ 160 MB',
      measured: `${megabytes(peakBytes)} MB, ${megabytes(restBytes)} MB; the bare loop ${megabytes(floor.peakBytes)} MB at most`,
      met: peakBytes <= 250e6 && restBytes <= 160e6,
    },
  ];
}

/** @returns seconds from the first Ingress to the last Secret */
async function run({ secrets, world }: Stage, progress: Progress): Promise<number> {
  progress(`${fleet} Ingresses at once`);
  const fleetMembers = members(1000, fleet);
  let filled = 0;
  const startedAt = performance.now();
  const all = Promise.all(
    fleetMembers.map(async (member) => {
      const at = await secrets.filled(member);
      filled += 1;
      if (filled % 100 === 0) progress(`${fleet} Ingresses at once: ${filled} certificates`);
      return at;
    }),
  );
  const creating = inParallel(fleetMembers, (member) => createIngress(world.api, member));
  const [times] = await Promise.all([all, creating]);
  return (Math.max(...times) - startedAt) / 1000;
}

/** The bare loop at a fresh CA of the same kind. */
async function floorOf({ world }: Stage, name: string, progress: Progress): Promise<FloorResult> {
  progress('floor');
  const [port = 0] = await freePorts(1);
  await using ca = await StrictCaProcess.start(world, name, port);
  const caBundle = await readFile(ca.caBundle, 'utf8');
  const hosts = members(0, fleet).map(({ host }) => host);
  // Awaited here: the CA ends with this function.
  const options = { directoryUrl: ca.directoryUrl, caBundle, port };
  return await measureFloor({ options, hosts, inFlight });
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
