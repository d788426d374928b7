import { setTimeout as delay } from 'node:timers/promises';
import { peakMemory } from '../commands/command-run.ts';
import { type ApiWrites, apiWritesSince, describeWrites } from './api-writes.ts';
import { createValid, members } from './fleet.ts';
import { patience } from './patience.ts';
import { type Bench, Stage } from './stage.ts';
import type { Row } from './table.ts';
import { ProcessUsage } from './usage.ts';
import { watched } from './watched.ts';

const fleet = 1000;
const largeFleet = 5000;
const minute = 60_000;

export interface Restart {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly caRequests: number;
  readonly writes: ApiWrites;
}

/** The cost of many healthy Ingresses: at a restart, in memory, and in an idle minute. */
export async function measureIdleness(bench: Bench): Promise<Row[]> {
  await using stage = await Stage.start(bench);
  const { progress } = bench;
  await stage.controller.stop();
  progress(`creating ${fleet} Ingresses with valid certificates`);
  // Includes the one that created the account.
  await createValid(stage.world.api, stage.world.pebble.directoryUrl, members(1, fleet - 1));
  progress(`restart with ${fleet}`);
  const small = await restart(stage, fleet);

  progress('explain in the pod');
  const [first] = members(1, 1);
  const explained = `${first?.namespace}/${first?.name}`;
  await peakMemory(stage, ['explain', explained]);
  const explainBytes = await peakMemory(stage, ['explain', explained]);

  progress('two idle minutes');
  const usage = new ProcessUsage(stage.controller.pid);
  // In the first minute V8 releases the memory of the restart.
  await delay(minute);
  const settledBytes = await usage.residentBytes();
  const idleCpu = await usage.cpuSecondsIn(minute);
  progress('a minute with a viewer of the page');
  const watchedCpu = await watched(stage, () => usage.cpuSecondsIn(minute));
  const watchedBytes = await usage.residentBytes();
  await stage.controller.stop();

  progress(`creating ${largeFleet - fleet} more`);
  await createValid(stage.world.api, stage.world.pebble.directoryUrl, members(fleet, largeFleet - fleet));
  progress(`restart with ${largeFleet}, and a minute`);
  const large = await restart(stage, largeFleet);
  await delay(minute);
  const largeBytes = await new ProcessUsage(stage.controller.pid).residentBytes();
  const growth = (largeBytes - settledBytes) / (largeFleet - fleet);
  return [
    {
      what: `restart with ${fleet} valid certificates until all idle`,
      peer: '5 s of CPU',
      goal: '≤ 1.5 s of CPU, 0 CA requests, 0 writes',
      measured: `${small.cpuSeconds.toFixed(2)} s of CPU, ${small.caRequests} CA requests, ${small.writes.total} writes (${describeWrites(small.writes)})`,
      met: small.cpuSeconds <= 1.5 && small.caRequests === 0 && small.writes.total === 0,
    },
    {
      what: 'RSS after that',
      peer: '167 MB',
      goal: '≤ 180 MB with metrics and inspector',
      measured: `${megabytes(small.residentBytes)} MB at once, ${megabytes(settledBytes)} MB after a minute, ${megabytes(watchedBytes)} MB after another one with a viewer of the page`,
      met: small.residentBytes <= 180e6,
    },
    {
      what: `most memory of kube-lego explain, run beside it`,
      peer: '–',
      goal: '≤ 160 MB',
      measured: `${megabytes(explainBytes)} MB`,
      met: explainBytes <= 160e6,
    },
    {
      what: `growth per idle Ingress from ${fleet} to ${largeFleet}`,
      peer: '69 KB',
      goal: '≤ 2.5 KB',
      measured: `${(growth / 1000).toFixed(1)} KB (${megabytes(largeBytes)} MB a minute after a restart with ${largeFleet}, which takes ${large.cpuSeconds.toFixed(2)} s of CPU)`,
      met: growth <= 2500,
    },
    {
      what: `CPU while ${fleet} are idle for a minute`,
      peer: '0.03 s',
      goal: '≤ 0.1 s',
      measured: `${idleCpu.toFixed(2)} s; ${watchedCpu.toFixed(2)} s with a viewer of the page`,
      met: Number(idleCpu.toFixed(2)) <= 0.1,
    },
  ];
}

/** Starts the controller and waits until it is idle. The cost of polling it is not counted. */
export async function restart(stage: Stage, count: number): Promise<Restart> {
  await stage.ca.take();
  const since = Date.now();
  await stage.restartController();
  const usage = new ProcessUsage(stage.controller.pid);
  const deadline = performance.now() + patience;
  for (;;) {
    const cpuSeconds = await usage.untilQuiet(deadline - performance.now());
    const residentBytes = await usage.residentBytes();
    const views = await stage.controller.views();
    if (views.length === count && views.every(({ state }) => state === 'idle')) {
      const writes = await apiWritesSince(stage.world.cluster.auditLog, since);
      return { cpuSeconds, residentBytes, writes, caRequests: (await stage.ca.take()).length };
    }
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
