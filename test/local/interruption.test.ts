import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../time/eventually.ts';
import { processesWith } from './processes.ts';
import { StandInTools } from './stand-in-tools.ts';

const root = join(import.meta.dirname, '../..');
const launcher = join(root, 'deploy/local/launch.mjs');

/** A family that no polite signal ends; the folder of its program is on each command line. */
const stubborn = `
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
const { spawn } = await import('node:child_process');
spawn('/bin/sh', ['-c', 'trap "" INT TERM HUP; while :; do sleep 1; done', import.meta.filename]);
setInterval(() => undefined, 1_000);
`;

describe('nothing is left of a program that ignores signals', {
  concurrency: true,
}, () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
    test(`when its launcher gets ${signal}`, async () => {
      await using tools = await StandInTools.create();
      using started = start([process.execPath, launcher, await stubbornProgram(tools)]);
      await untilRunning(tools, 'trap ""');
      started.kill(signal);
      await untilGone(tools);
    });
  }

  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
    test(`when npm gets ${signal}`, async () => {
      await using tools = await StandInTools.create();
      await stubbornProgram(tools);
      const script = `node ${launcher} ${join(tools.directory, 'stubborn.mjs')}`;
      await writeFile(
        join(tools.directory, 'package.json'),
        JSON.stringify({ scripts: { stubborn: script } }),
      );
      using started = start(['npm', '--prefix', tools.directory, 'run', 'stubborn']);
      await untilRunning(tools, 'trap ""');
      started.kill(signal);
      await untilGone(tools);
    });
  }

  test('when its terminal is closed', async () => {
    await using tools = await StandInTools.create();
    const command = `${process.execPath} ${launcher} ${await stubbornProgram(tools)}`;
    // Its end closes the terminal that it has made.
    using terminal = start(['script', '-qec', command, '/dev/null']);
    await untilRunning(tools, 'trap ""');
    terminal.kill('SIGKILL');
    await untilGone(tools);
  });
});

describe('nothing is left of a build with Go, compilers included', () => {
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    test(`when its launcher gets ${signal}`, async () => {
      await using tools = await StandInTools.create();
      const program = join(tools.directory, 'program.ts');
      await writeFile(program, "// toolPath('kustomize')\n");
      const temporary = join(tools.directory, 'tmp');
      await mkdir(temporary);
      using started = start([process.execPath, launcher, program], {
        GOCACHE: join(tools.directory, 'go-cache'),
        // It stands on the command line of each compiler.
        GOTMPDIR: temporary,
        XDG_CACHE_HOME: join(tools.directory, 'cache'),
      });
      await untilRunning(tools, '/compile ');
      started.kill(signal);
      await untilGone(tools);
    });
  }
});

test('nothing is left of npm ci, and the next run begins it anew', async () => {
  await using tools = await StandInTools.create();
  const clone = join(tools.directory, 'clone');
  await cp(join(root, 'deploy/local'), join(clone, 'deploy/local'), { recursive: true });
  await copyFile(join(root, 'package-lock.json'), join(clone, 'package-lock.json'));
  await tools.add('npm', `mkdir -p node_modules; trap "" INT; echo; while :; do sleep 1; done; : ${clone}`);
  for (const _attempt of [1, 2]) {
    using started = start([process.execPath, join(clone, 'deploy/local/launch.mjs'), '-p', '1'], {
      PATH: [join(tools.directory, 'bin'), process.env['PATH']].join(delimiter),
    });
    await untilRunning(tools, 'bin/npm');
    started.kill('SIGINT');
    assert.deepEqual(await once(started, 'exit'), [null, 'SIGINT']);
    await untilGone(tools);
  }
});

async function stubbornProgram(tools: StandInTools): Promise<string> {
  const program = join(tools.directory, 'stubborn.mjs');
  await writeFile(program, stubborn);
  return program;
}

function start(
  [command = '', ...args]: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): ChildProcess {
  const { npm_execpath: _path, npm_lifecycle_event: _event, ...env } = process.env;
  return spawn(command, args, { env: { ...env, ...environment }, stdio: 'ignore' });
}

async function untilRunning(tools: StandInTools, text: string): Promise<void> {
  const isRunning = (): boolean => processesWith(tools.directory).some((line) => line.includes(text));
  await eventually(`${text} runs`, isRunning);
}

async function untilGone(tools: StandInTools): Promise<void> {
  await eventually('all processes are gone', () => processesWith(tools.directory).length === 0);
}
