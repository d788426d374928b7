import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { programFile, readImage } from '../../deploy/image/image.ts';
import { readKubeconfig, writeKubeconfig } from '../../deploy/local/kubeconfig.ts';
import type { World } from '../../deploy/local/world.ts';
import type { Command } from '../../src/commands/command-help.ts';
import type { Explanation } from '../../src/commands/explain/explanation.ts';
import { runCommand as runCommandHere } from '../../src/commands/run.ts';
import { systemClock } from '../../src/time/clock.ts';
import { type Interference, startFaultyProxy } from '../controller-failures/faulty-proxy.ts';
import { eventually } from '../time/eventually.ts';

export interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

interface Stage {
  readonly world: World;
}

/** Of this process's variables only those that say how Node starts: the developer's own have no say. */
export const inherited: Readonly<NodeJS.ProcessEnv> = {
  PATH: process.env['PATH'],
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
};

/**
 * Runs `kube-lego status` or `kube-lego explain` as somebody does on another machine; without the controller's inspector, unless its port
 * is given. In this process: most tests are about what it says, and a process of its own would cost each of them a second.
 */
export async function runCommand(
  { world }: Stage,
  command: Command,
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  clock = systemClock,
): Promise<Outcome> {
  const env = { ...surroundings(world), ...environment };
  // Where the client looks for it.
  process.env['KUBECONFIG'] = env['KUBECONFIG'];
  const said = { output: '', errors: '' };
  const code = await runCommandHere(command, argv, {
    program: 'kube-lego',
    env,
    clock,
    signal: new AbortController().signal,
    print: (text) => {
      said.output += `${text}\n`;
    },
    complain: (text) => {
      said.errors += `${text}\n`;
    },
  });
  return { code, ...said };
}

/** Runs the program `kube-lego` likewise, where the process itself is what a test is about. */
export async function runProgram(
  { world }: Stage,
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  program: readonly string[] = [programFile()],
): Promise<Outcome> {
  const child = spawn(process.execPath, [...program, ...argv], {
    env: { ...inherited, ...surroundings(world), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, output, errors };
}

function surroundings({ cluster, dns, edge }: World): Record<string, string> {
  return {
    KUBECONFIG: cluster.adminKubeconfig,
    LEGO_DNS_SERVERS: dns.address,
    LEGO_HTTP01_PORT: String(edge.httpPort),
    LEGO_HTTPS_PORT: String(edge.httpsPort),
    LEGO_INSPECTOR_PORT: '1',
  };
}

/** Runs the command with a proxy between it and the API server. */
export async function runBehindProxy(
  { world }: Stage,
  command: Command,
  argv: readonly string[],
  interfere: Interference,
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const { adminKubeconfig, serverUrl, ca } = world.cluster;
  await using proxy = await startFaultyProxy(serverUrl, ca);
  proxy.interfere = interfere;
  const KUBECONFIG = join(world.session.directory, 'proxied-command.kubeconfig');
  const { token } = await readKubeconfig(adminKubeconfig);
  const user = { user: 'admin', namespace: 'shop', token };
  await writeKubeconfig(KUBECONFIG, { ...user, server: proxy.url, ca: proxy.caPem });
  return await runCommand({ world }, command, argv, { ...environment, KUBECONFIG });
}

/** What `kube-lego explain -o json` says of the Ingress `namespace/name`; its exit code fits. */
export async function explained(
  stage: Stage,
  key: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Explanation> {
  const { code, output, errors } = await runCommand(stage, 'explain', [key, '-o', 'json'], environment);
  assert.ok(output !== '', errors);
  const explanation: Explanation = JSON.parse(output);
  assert.equal(code, explanation.verdict === 'good' ? 0 : 1);
  return explanation;
}

/** What it says in the pod, with what the controller knows: a busy one may take longer than the command waits for it. */
export async function explainedInPod(stage: Stage, key: string): Promise<Explanation> {
  let explanation: Explanation | undefined;
  await eventually('the controller was asked', async () => {
    explanation = await explained(stage, key, besideController(stage));
    return explanation.live !== undefined;
  });
  assert.ok(explanation);
  return explanation;
}

/** What is told in the pod of an Ingress whose round has come to nothing; `why` without how often. */
export async function explainedInTrouble(stage: Stage, key: string): Promise<Explanation> {
  let explanation: Explanation | undefined;
  // It is tried again after seconds: on a busy machine `explain` meets the next try, which may take half a minute, or the one after.
  await eventually('it backs off', async () => {
    explanation = await explainedInPod(stage, key);
    return !explanation.next.startsWith('kube-lego is ');
  });
  assert.ok(explanation);
  assert.equal(explanation.verdict, 'failing');
  assert.match(explanation.next, /^It is tried again at /);
  return { ...explanation, why: explanation.why.replace(/^(\w+), \d+ times in a row:/, '$1:') };
}

/** Where the controller can be asked, as in its pod. */
export function besideController({ world }: Stage): Record<string, string> {
  return { LEGO_INSPECTOR_PORT: String(world.ports.inspector) };
}

/** The most memory (RSS) that the command takes as the image runs it beside the controller, in bytes. */
export async function peakMemory(stage: Stage, argv: readonly string[]): Promise<number> {
  const image = await readImage();
  const report =
    "process.once('exit',()=>process.stderr.write('peak='+process.resourceUsage().maxRSS+'\\n'))";
  const environment = {
    ...image.environment,
    ...besideController(stage),
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(report)}`,
  };
  const { errors } = await runProgram(stage, argv, environment, image.arguments);
  const [, kibibytes] = /^peak=(\d+)$/m.exec(errors) ?? [];
  assert.ok(kibibytes, errors);
  return Number(kibibytes) * 1024;
}
