import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { cacheFolder, serverNames } from '../../deploy/local/server-binaries.mjs';
import { eventually, processesWith } from './processes.ts';
import { StandInTools } from './stand-in-tools.ts';

const prepare = join(import.meta.dirname, '../../deploy/local/prepare-servers.ts');

test('a build fills the cache, says at which step it is, and leaves a word about what the folder is', async () => {
  await using tools = await StandInTools.create();
  await tools.addGo('1.26.0');
  const { code, errors } = await build(tools);
  assert.equal(code, 0, errors);
  const folder = cacheFolder(tools.environment());
  assert.deepEqual(readdirSync(folder).toSorted(), [...serverNames].toSorted());
  assert.match(errors, /The test servers are built with Go, once, into .*: about 6 min on 2 cores/);
  assert.match(errors, /\[4\/4\] kube-apiserver: about 4 min on 2 cores/);
  assert.match(errors, /\[4\/4\] kube-apiserver: done after 0 s/);
  assert.match(await readFile(join(folder, '../README'), 'utf8'), /delete this folder whenever you like/);
});

test('two builds at the same time build each server once', async () => {
  await using tools = await StandInTools.create();
  await tools.addGo('1.26.0', 0.2);
  const results = await Promise.all([build(tools), build(tools)]);
  assert.deepEqual(
    results.map(({ code }) => code),
    [0, 0],
  );
  assert.equal((await buildsOf(tools)).length, serverNames.length);
  assert(results.some(({ errors }) => errors.includes('Another process is building the test servers')));
});

test('a build that is killed ends Go, leaves nothing that passes for a server, and does not hold up the next one', async () => {
  await using tools = await StandInTools.create();
  await tools.addGo('1.26.0', 60);
  const builder = spawn(process.execPath, [prepare], { env: tools.environment(), stdio: 'ignore' });
  await eventually(() => existsSync(join(tools.directory, 'builds')), 'the first build has begun');
  builder.kill('SIGKILL');
  await once(builder, 'exit');
  await eventually(() => processesWith(join(tools.directory, 'bin/go')).length === 0, 'Go has ended');
  assert.deepEqual(
    readdirSync(cacheFolder(tools.environment())).filter((name) => !name.startsWith('.')),
    [],
  );
  await tools.addGo('1.26.0');
  const { code, errors } = await build(tools);
  assert.equal(code, 0, errors);
  assert.doesNotMatch(errors, /Another process/);
});

test('a failed build shows what Go said', async () => {
  await using tools = await StandInTools.create();
  await tools.add(
    'go',
    'if [ "$1" = version ]; then echo "go version go1.26.0 linux/amd64"; exit; fi; echo "dial tcp: no route to proxy" >&2; exit 1',
  );
  const { code, errors } = await build(tools);
  assert.equal(code, 1);
  assert.match(
    errors,
    /Building pebble failed: go ended with 1\.\ndial tcp: no route to proxy\nGo downloads modules/,
  );
});

async function build(tools: StandInTools): Promise<{ code: unknown; errors: string }> {
  const builder = spawn(process.execPath, [prepare], {
    env: tools.environment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [errors, [code]] = await Promise.all([text(builder.stderr), once(builder, 'exit')]);
  return { code, errors };
}

async function buildsOf(tools: StandInTools): Promise<string[]> {
  return (await readFile(join(tools.directory, 'builds'), 'utf8')).trim().split('\n');
}
