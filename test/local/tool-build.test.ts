import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { Pace } from '../../deploy/local/tools/pace.ts';
import { cachePath, cacheRoot, findTool, recipes, toolNames } from '../../deploy/local/tools/tools.mjs';
import { eventually } from '../time/eventually.ts';
import { StandInTools } from './stand-in-tools.ts';

const programs = toolNames.filter((name) => 'package' in recipes[name]);
const prepare = join(import.meta.dirname, '../../deploy/local/tools/prepare.ts');

test('a build fills the cache, says at which step it is, and leaves a word about what the folder is', async () => {
  await using tools = await StandInTools.create();
  await tools.addGo('1.26.9');
  const { code, errors } = await build(tools);
  assert.equal(code, 0, errors);
  for (const name of toolNames) assert.ok(findTool(name, tools.environment()), name);
  assert.match(
    errors,
    /^Building gateway-api-crds, .*, load-key-pairs, pebble, .*, promtool with Go, once, into .*kube-lego\/tools$/m,
  );
  // `lib` is common to the modules, and counted once.
  assert.match(errors, /^What there is to compile: done after \d+ s \(5 modules downloaded, 9 packages\)$/m);
  assert.match(errors, /^\[1\/11\] gateway-api-crds: done after \d+ s$/m);
  assert.match(errors, /^\[4\/11\] load-key-pairs: 0 of 2 packages(?:, about .* left in all)?$/m);
  assert.match(errors, /^\[9\/11\] kube-apiserver: linking(?:, about .* left in all)?$/m);
  assert.match(errors, /^\[11\/11\] promtool: done after \d+ s$/m);
  assert.match(
    await readFile(join(cacheRoot(tools.environment()), 'README'), 'utf8'),
    /Delete this folder whenever you\s+like/,
  );
});

test('a build makes only what is asked for', async () => {
  await using tools = await StandInTools.create();
  await tools.addGo('1.26.9');
  assert.equal((await build(tools, ['etcd'])).code, 0);
  assert.deepEqual(readdirSync(dirname(cachePath('etcd', tools.environment()))), ['etcd']);
  assert.equal(findTool('promtool', tools.environment()), undefined);
});

test('two builds at the same time build each tool once', async () => {
  await using tools = await StandInTools.create();
  const waits = join(tools.directory, 'other-waits');
  await tools.addGo('1.26.9', waits);
  const first = build(tools);
  await eventually('the first build has begun', () => existsSync(join(tools.directory, 'builds')));
  const second = startBuild(tools);
  const ended = once(second, 'exit');
  const [told] = await once(second.stderr, 'data');
  assert.match(String(told), /^Another process is building tools/);
  await writeFile(waits, '');
  const [{ code }, [otherCode]] = await Promise.all([first, ended]);
  assert.deepEqual([code, otherCode], [0, 0]);
  assert.equal((await buildsOf(tools)).length, programs.length);
});

test('a build that is killed leaves nothing that passes for a tool, and does not hold up the next one', async () => {
  await using tools = await StandInTools.create();
  await tools.addGo('1.26.9', join(tools.directory, 'never'));
  const builder = spawn(process.execPath, [prepare], {
    env: tools.environment(),
    stdio: 'ignore',
    detached: true,
  });
  assert.ok(builder.pid);
  await eventually('the first build has begun', () => existsSync(join(tools.directory, 'builds')));
  process.kill(-builder.pid, 'SIGKILL');
  await once(builder, 'exit');
  for (const name of programs) assert.equal(findTool(name, tools.environment()), undefined);
  await tools.addGo('1.26.9');
  const { code, errors } = await build(tools);
  assert.equal(code, 0, errors);
  assert.doesNotMatch(errors, /Another process/);
});

test('definitions of kinds are put together from a module, even if only a newer Go could compile that', async () => {
  await using tools = await StandInTools.create();
  await tools.addGo('1.26.9');
  await tools.add('newer-go', await readFile(join(tools.directory, 'bin/go'), 'utf8'));
  const tooNew =
    'echo "go: example.com/m@v1.7.0 requires go >= 1.27.0 (running go 1.26.9; GOTOOLCHAIN=local)" >&2';
  await tools.add(
    'go',
    `[ "$1" != mod ] || { ${tooNew}; exit 1; }\nexec ${tools.directory}/bin/newer-go "$@"`,
  );
  const { code, errors } = await build(tools, ['older-gateway-api-crds']);
  assert.equal(code, 0, errors);
  const path = findTool('older-gateway-api-crds', tools.environment());
  assert.match(
    await readFile(path ?? '', 'utf8'),
    /^file: .*_gatewayclasses\.yaml\n\n---\n[^]*_xlistenersets\.yaml\n$/,
  );
});

describe('a failed build shows what Go said, and the remedy:', () => {
  const failures = {
    'a network that is down': {
      said: 'dial tcp: lookup proxy.example.com: no such host',
      remedy: /check the network and `go env GOPROXY`/,
    },
    'a disk that is full': {
      said: 'compile: writing output: write $WORK/b001/_pkg_.a: no space left on device',
      remedy: /The disk is full: .* GOCACHE/,
    },
    'anything else': { said: 'undefined: x', remedy: /Run the same command again once that is mended/ },
  };
  for (const [what, { said, remedy }] of Object.entries(failures)) {
    test(what, async () => {
      await using tools = await StandInTools.create();
      await tools.add(
        'go',
        `case $1 in
        version) echo "go version go1.26.9 linux/amd64" ;;
        list) printf 'lib\\t/lib\\t\\n' ;;
        *) echo '${said}' >&2; exit 1 ;;
        esac`,
      );
      const { code, errors } = await build(tools);
      assert.equal(code, 1);
      assert.match(errors, /Building gateway-api-crds failed: go ended with 1\.\n/);
      assert.ok(errors.includes(said));
      assert.match(errors, remedy);
    });
  }
});

test('a cache that cannot be written to is an error with a remedy', async () => {
  await using tools = await StandInTools.create();
  await tools.addGo('1.26.9');
  const { code, errors } = await build(tools, [], { XDG_CACHE_HOME: '/dev/null' });
  assert.equal(code, 1);
  assert.match(errors, /Nothing can be written to the cache: .*Set XDG_CACHE_HOME to another folder/);
});

describe('the time left', () => {
  test('is not told before there is a basis for it', () => {
    const pace = new Pace(100, 0);
    assert.equal(pace.left(60_000), undefined);
    pace.add(20);
    assert.equal(pace.left(100), undefined);
  });

  test('is what the rest takes at the pace until now', () => {
    const pace = new Pace(100, 5_000);
    pace.add(25);
    assert.equal(pace.left(15_000), 30_000);
    pace.add(75);
    assert.equal(pace.left(40_000), 0);
  });
});

async function build(
  tools: StandInTools,
  names: readonly string[] = [],
  overrides: NodeJS.ProcessEnv = {},
): Promise<{ code: unknown; errors: string }> {
  const builder = startBuild(tools, names, overrides);
  const [errors, [code]] = await Promise.all([text(builder.stderr), once(builder, 'exit')]);
  return { code, errors };
}

function startBuild(
  tools: StandInTools,
  names: readonly string[] = [],
  overrides: NodeJS.ProcessEnv = {},
): ChildProcessByStdio<null, null, Readable> {
  return spawn(process.execPath, [prepare, ...names], {
    env: tools.environment(overrides),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

async function buildsOf(tools: StandInTools): Promise<string[]> {
  return (await readFile(join(tools.directory, 'builds'), 'utf8')).trim().split('\n');
}
