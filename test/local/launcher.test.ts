import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { eventually } from '../time/eventually.ts';
import { processesWith } from './processes.ts';
import { StandInTools } from './stand-in-tools.ts';

const root = join(import.meta.dirname, '../..');

describe('the launcher, before it waits for anything', () => {
  test('says what to install when there is no Go', async () => {
    await using tools = await StandInTools.create();
    const program = await programWith(tools, 'etcd', 'kube-apiserver');
    const { code, errors } = await launch(root, [program], tools.environment());
    assert.equal(code, 1);
    assert.match(
      errors,
      /^Go 1\.26\.0 or newer is needed once, to build etcd, kube-apiserver, and there is no `go` in PATH\. Install it \(https:/,
    );
  });

  test('says what to install when Go is too old', async () => {
    await using tools = await StandInTools.create();
    await tools.addGo('1.25.7');
    const { code, errors } = await launch(root, [await programWith(tools, 'etcd')], tools.environment());
    assert.equal(code, 1);
    assert.match(errors, /^Go 1\.26\.0 or newer .* the `go` in PATH is 1\.25\.7\. Install it/);
  });

  test('wants the Go that the newest of the modules wants', async () => {
    await using tools = await StandInTools.create();
    await tools.addGo('1.26.0');
    const program = await programWith(tools, 'etcd', 'promtool');
    assert.match((await launch(root, [program], tools.environment())).errors, /^Go 1\.26\.7 or newer/);
  });

  test('wants no Go for tools that KUBEBUILDER_ASSETS holds, and names the ones that it lacks', async () => {
    await using tools = await StandInTools.create();
    const program = await programWith(tools, 'etcd', 'pebble');
    await tools.add('etcd', '');
    const environment = tools.environment({ KUBEBUILDER_ASSETS: join(tools.directory, 'bin') });
    assert.match(
      (await launch(root, [program], environment)).errors,
      /to build pebble, and there is no `go`/,
    );
    await tools.add('pebble', '');
    assert.equal((await launch(root, [program], environment)).code, 0);
  });

  test('wants no Go for a program that asks for no tool', async () => {
    await using tools = await StandInTools.create();
    assert.equal((await launch(root, [await programWith(tools)], tools.environment())).code, 0);
  });
});

test('what is missing is built before the program starts', async () => {
  await using tools = await StandInTools.create();
  await tools.addGo('1.26.9');
  const { output, errors } = await launch(root, [await programWith(tools, 'etcd')], tools.environment());
  assert.equal(output, 'started\n');
  assert.match(errors, /^Building etcd with Go[^]*\[1\/1\] etcd: done after [^]*All built in/);
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

  test('its own violent end, as a request to stop', async () => {
    await using tools = await StandInTools.create();
    const farewell = join(tools.directory, 'farewell');
    const script = `process.on('SIGTERM', () => setTimeout(() => {
      require('node:fs').writeFileSync('${farewell}', '');
      process.exit();
    }, 500));
    setInterval(() => 0, 1000); console.log('up')`;
    const { launcher } = start(root, ['-e', script], process.env);
    await once(launcher.stdout, 'data');
    launcher.kill('SIGKILL');
    await eventually('the program has had the time to stop', () => existsSync(farewell));
    await eventually('the launched program has ended', () => processesWith(farewell).length === 0);
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
  assert.match(
    first.errors,
    /^Installing the npm packages \(first run\)\nadded packages\nInstalled after \d+ s\n/,
  );
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

/** A program of somebody's that asks for these tools. */
async function programWith(tools: StandInTools, ...names: readonly string[]): Promise<string> {
  const program = join(tools.directory, 'program.ts');
  const calls = names.map((name) => `// toolPath('${name}')\n`).join('');
  await writeFile(program, `${calls}console.log('started');\n`);
  return program;
}

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
