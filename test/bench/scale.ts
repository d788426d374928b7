import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Authority } from '../../deploy/local/authority.ts';
import { recordField, stringField } from '../../src/process/json.ts';
import { createValid, type Member, members, secretOf } from './fleet.ts';
import { patience } from './patience.ts';
import { type Bench, type Progress, Stage } from './stage.ts';
import { type Stall, Stalls } from './stalls.ts';
import type { Row } from './table.ts';
import { cpuOfFamily, ProcessUsage } from './usage.ts';

const [small, large] = [10_000, 100_000] as const;
const minute = 60_000;
/** Milliseconds after a start in which V8 gives back, in parts, the memory that it needed for it. */
const settling = 2.5 * minute;
const day = 24 * 60 * minute;
/** Milliseconds in which the controller is asked for its state again. */
const startLimit = 10 * minute;
/** Of a tenfold that is not more than linear, with what measuring adds. */
const linear = 12;

/** One size of the cluster, with valid certificates. */
interface Size {
  /** Of the start, until all are idle. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** CPU of API server and etcd meanwhile. */
  readonly serverSeconds: number;
  /** From the first answer of the probe on: before that the program is loaded. */
  readonly startStall: Stall;
  /** Some minutes later. */
  readonly residentBytes: number;
  readonly idleCpu: number;
  /** Milliseconds. */
  readonly change: number;
  readonly renewal: number;
  readonly stall: Stall;
}

/** Ten thousand and a hundred thousand Ingresses with valid certificates at a real API server. */
export async function measureScale(bench: Bench): Promise<Row[]> {
  let measured: Stalls | undefined;
  await using stage = await Stage.start(bench, {}, ({ session }) => {
    measured = new Stalls(join(session.directory, 'stalls'), bench.environment['NODE_OPTIONS'] ?? '');
    return Promise.resolve(measured.environment);
  });
  if (measured === undefined) throw new Error('the stage has not asked for an environment');
  const few = await sizeOf(stage, measured, 1, small, bench.progress);
  const many = await sizeOf(stage, measured, small, large, bench.progress);
  const growth = (many.residentBytes - few.residentBytes) / (large - small);
  const stalls = [few.startStall, few.stall, many.startStall, many.stall];
  const longest = Math.max(...stalls.map(({ clock }) => clock));
  const tenfold = many.cpuSeconds / few.cpuSeconds;
  return [
    {
      what: `start with ${small} and with ${large} valid certificates until all are idle`,
      peer: '–',
      goal: `≤ 60 s with ${large}`,
      measured: `${few.seconds.toFixed(0)} s (${few.cpuSeconds.toFixed(0)} s of CPU) and ${many.seconds.toFixed(0)} s (${many.cpuSeconds.toFixed(0)} s of CPU, API server and etcd ${many.serverSeconds.toFixed(0)} s)`,
      met: many.seconds <= 60,
    },
    {
      what: 'CPU of a start, ten times as many',
      peer: '–',
      goal: `≤ ${linear} ×: linear`,
      measured: `${tenfold.toFixed(1)} ×`,
      met: tenfold <= linear,
    },
    {
      what: `growth per idle Ingress from ${small} to ${large}`,
      peer: '–',
      goal: '≤ 2.5 KB',
      measured: `${(growth / 1000).toFixed(1)} KB (${megabytes(few.residentBytes)} and ${megabytes(many.residentBytes)} MB)`,
      met: growth <= 2500,
    },
    {
      what: 'CPU of an idle minute',
      peer: '–',
      goal: `≤ 1 s with ${large}`,
      measured: `${few.idleCpu.toFixed(2)} and ${many.idleCpu.toFixed(2)} s`,
      met: many.idleCpu <= 1,
    },
    {
      what: 'longest block of the event loop, in the start and after it',
      peer: '–',
      goal: '≤ 100 ms',
      measured: stalls
        .map(({ clock, cpu }) => `${clock.toFixed(0)} ms (${cpu.toFixed(0)} of CPU)`)
        .join(', '),
      met: longest <= 100,
    },
    {
      what: 'a new Ingress until its Secret is filled',
      peer: '–',
      goal: 'as with few',
      measured: `${few.change.toFixed(0)} and ${many.change.toFixed(0)} ms`,
      met: many.change <= 2 * few.change,
    },
    {
      what: 'a certificate that is to be renewed, from the look at it until it is',
      peer: '–',
      goal: 'as with few',
      measured: `${few.renewal.toFixed(0)} and ${many.renewal.toFixed(0)} ms`,
      met: many.renewal <= 2 * few.renewal,
    },
  ];
}

/** @param first number of the first that is still to be created */
async function sizeOf(
  stage: Stage,
  stalls: Stalls,
  first: number,
  count: number,
  progress: Progress,
): Promise<Size> {
  await stage.controller.stop();
  const { api, pebble } = stage.world;
  let created = 0;
  await createValid(api, pebble.directoryUrl, members(first, count - first), () => {
    created += 1;
    if (created % 1000 === 0)
      progress(`creating Ingresses with valid certificates: ${first + created} of ${count}`);
  });
  progress(`start with ${count}`);
  const before = await serverSeconds();
  const startedAt = Date.now();
  await stage.restartController();
  const readyAt = Date.now();
  const usage = new ProcessUsage(stage.controller.pid);
  const { seconds, cpuSeconds, startStall } = await untilIdle(stage, stalls, usage, count, {
    startedAt,
    readyAt,
  });
  const spent = (await serverSeconds()) - before;
  progress(`${count}: idle minutes`);
  await delay(settling);
  const residentBytes = await usage.residentBytes();
  const idleCpu = await stalls.without(() => usage.cpuSecondsIn(minute));
  progress(`${count}: a change, and a renewal`);
  const changedAt = Date.now();
  const [added] = members(large + count, 1);
  if (added === undefined) throw new Error('members makes as many as it is asked for');
  const change = await stage.issue(added);
  const renewal = await renew(stage, added);
  await stalls.untilQuiet(patience);
  const stall = await stalls.longest(changedAt);
  return {
    seconds,
    cpuSeconds,
    serverSeconds: spent,
    startStall,
    residentBytes,
    idleCpu,
    change,
    renewal,
    stall,
  };
}

async function serverSeconds(): Promise<number> {
  const all = await cpuOfFamily();
  return (all.get('kube-apiserver') ?? 0) + (all.get('etcd') ?? 0);
}

/** The answer of the metrics is no part of it. */
async function untilIdle(
  { controller }: Stage,
  stalls: Stalls,
  usage: ProcessUsage,
  count: number,
  { startedAt, readyAt }: { readonly startedAt: number; readonly readyAt: number },
): Promise<Pick<Size, 'seconds' | 'cpuSeconds' | 'startStall'>> {
  const deadline = performance.now() + startLimit;
  for (;;) {
    const cpuSeconds = await usage.untilQuiet(deadline - performance.now());
    const seconds = (Date.now() - startedAt) / 1000;
    const startStall = await stalls.longest(readyAt);
    const idle = /^kube_lego_ingresses\{state="idle"\} (\d+)$/m.exec(await controller.metrics())?.[1];
    if (Number(idle) >= count) return { seconds, cpuSeconds, startStall };
  }
}

/** @returns milliseconds until the certificate, which ends tomorrow, is another one */
async function renew({ world }: Stage, member: Member): Promise<number> {
  const { api, pebble } = world;
  const path = `/api/v1/namespaces/${member.namespace}/secrets/${member.secretName}`;
  const now = Date.now();
  const validity = { notBefore: now - 89 * day, notAfter: now + day };
  const old = new Authority('Benchmark').issue({ hosts: [member.host], ...validity });
  const body = secretOf(member, pebble.directoryUrl, old);
  const chain = (secret: unknown) => stringField(recordField(secret, 'data'), 'tls.crt');
  const written = chain(await api.expect(path, { method: 'PUT', body }));
  const began = performance.now();
  // Secrets are not watched.
  const retry = { metadata: { annotations: { 'kube-lego.io/retry': '1' } } };
  await api.expect(`/apis/networking.k8s.io/v1/namespaces/${member.namespace}/ingresses/${member.name}`, {
    method: 'PATCH',
    contentType: 'application/merge-patch+json',
    body: retry,
  });
  for (;;) {
    if (chain(await api.expect(path)) !== written) return performance.now() - began;
    if (performance.now() - began > patience) throw new Error(`${member.name} is not renewed`);
    await delay(20);
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
