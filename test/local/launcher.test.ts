import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { eventually, processesWith } from './processes.ts';
import { StandInTools } from './stand-in-tools.ts';

const root = join(import.meta.dirname, '../..');

describe('the launcher, before it waits for anything', () => {
  test('says what to install when there is no Go', async () => {
    await using tools = await StandInTools.create();
    const { code, errors } = await launch(root, ['--servers', '-e', '0'], tools.environment());
    assert.equal(code, 1);
    assert.match(
      errors,
      /^Go 1\.26 is needed once.*and there is no `go` in PATH\. Install Go 1\.26 or newer \(https:/,
    );
  });

  test('says what to install when Go is too old', async () => {
    await using tools = await StandInTools.create();
    await tools.addGo('1.25.7');
    const { code, errors } = await launch(root, ['--servers', '-e', '0'], tools.environment());
    assert.equal(code, 1);
    assert.match(errors, /the `go` in PATH is 1\.25\. Install Go 1\.26 or newer/);
  });

  test('wants no Go for servers that KUBEBUILDER_ASSETS holds, and names the ones that it lacks', async () => {
    await using tools = await StandInTools.create();
    await tools.add('etcd', '');
    await tools.add('kube-apiserver', '');
    const environment = tools.environment({ KUBEBUILDER_ASSETS: join(tools.directory, 'bin') });
    const { errors } = await launch(root, ['--servers', '-e', '0'], environment);
    assert.match(errors, /\(pebble, pebble-challtestsrv\), and there is no `go`/);
    await tools.add('pebble', '');
    await tools.add('pebble-challtestsrv', '');
    assert.equal((await launch(root, ['--servers', '-e', '0'], environment)).code, 0);
  });
});

describe('the launcher passes through', () => {
  test('the exit code, the arguments, and a PATH with the installed tools first', async () => {
    const script = 'console.log(process.env.PATH, process.argv[1]); process.exitCode = 7';
    const { code, output } = await launch(root, ['-e', script, 'argument'], process.env);
    assert.equal(code, 7);
    assert(output.startsWith(join(root, 'node_modules/.bin')));
    assert(output.endsWith('argument\n'));
  });

  test('signals', async () => {
    const script =
      'process.on("SIGTERM", () => process.exit(5)); setInterval(() => 0, 1000); console.log("up")';
    const { launcher } = start(root, ['-e', script], process.env);
    await once(launcher.stdout, 'data');
    launcher.kill('SIGTERM');
    assert.deepEqual(await once(launcher, 'exit'), [5, null]);
  });

  test('its own violent end', async () => {
    const mark = `launched-${process.pid}-${Date.now()}`;
    const { launcher } = start(
      root,
      ['-e', 'setInterval(() => 0, 1000); console.log("up")', mark],
      process.env,
    );
    await once(launcher.stdout, 'data');
    launcher.kill('SIGKILL');
    await eventually(() => processesWith(mark).length === 0, 'the launched program has ended');
  });
});

test('dependencies are installed once, and again when the lockfile changes', async () => {
  await using tools = await StandInTools.create();
  const clone = join(tools.directory, 'clone');
  await mkdir(join(clone, 'deploy/local'), { recursive: true });
  await cp(join(root, 'deploy/local'), join(clone, 'deploy/local'), { recursive: true });
  await copyFile(join(root, 'package-lock.json'), join(clone, 'package-lock.json'));
  const calls = join(tools.directory, 'npm-calls');
  await tools.add('npm', `echo "$@" >> ${calls}; echo "added packages"; mkdir -p node_modules`);
  const run = async (): Promise<{ output: string; errors: string; calls: number }> => {
    const { output, errors, code } = await launch(clone, ['-p', '6 * 7'], tools.environment());
    assert.equal(code, 0, errors);
    return { output, errors, calls: (await readFile(calls, 'utf8')).trim().split('\n').length };
  };
  const first = await run();
  assert.match(first.errors, /Installing dependencies \(first run, about 20 s\)/);
  assert.equal(first.output, '42\n', 'what npm prints does not mix with the output of the program');
  assert.equal((await run()).calls, 1);
  await writeFile(join(clone, 'package-lock.json'), '{}');
  const changed = await run();
  assert.match(changed.errors, /package-lock\.json has changed/);
  assert.equal(changed.calls, 2);
});

test('a failed installation is an error, and is tried again the next time', async () => {
  await using tools = await StandInTools.create();
  const clone = join(tools.directory, 'clone');
  await cp(join(root, 'deploy/local'), join(clone, 'deploy/local'), { recursive: true });
  await copyFile(join(root, 'package-lock.json'), join(clone, 'package-lock.json'));
  await tools.add('npm', 'mkdir -p node_modules; exit 1');
  for (const _attempt of [1, 2]) {
    const { code, errors } = await launch(clone, ['-p', '6 * 7'], tools.environment());
    assert.equal(code, 1);
    assert.match(errors, /`npm ci` failed \(see above\).*run the same command again/);
  }
});

function start(
  folder: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): { launcher: ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream } } {
  const { npm_execpath: _npm, ...env } = environment;
  const launcher = spawn(process.execPath, [join(folder, 'deploy/local/launch.mjs'), ...args], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { launcher };
}

async function launch(
  folder: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<{ code: unknown; output: string; errors: string }> {
  const { launcher } = start(folder, args, environment);
  const [output, errors, [code]] = await Promise.all([
    text(launcher.stdout),
    text(launcher.stderr),
    once(launcher, 'exit'),
  ]);
  return { code, output, errors };
}
