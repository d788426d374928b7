import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { imageFolder } from '../../deploy/image/image.ts';
import { ApiStandIn } from '../kubernetes/api-stand-in.ts';
import { eventually } from '../time/eventually.ts';
import { controllerEnv } from './controller-config.ts';

/** Milliseconds: the half minute that the kubelet leaves, and as much again on a busy machine. It takes less than a second where nothing else runs. */
const limit = 60_000;
/** A pid namespace of its own, as a container has it; all that lives in it ends with the first. */
const unshare = ['--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];
const refusal = spawnSync('unshare', [...unshare, 'true'], { encoding: 'utf8' });
const reason = refusal.error?.message ?? refusal.stderr.trim();
const skip = refusal.status === 0 ? false : `there are no pid namespaces here: ${reason}`;

describe('kube-lego', () => {
  let api: ApiStandIn;
  let directory: string;
  let entrypoint: string;
  let environment: NodeJS.ProcessEnv;
  let child: ChildProcess;
  let log: string;

  before(async () => {
    api = await ApiStandIn.start();
    directory = await mkdtemp(join(tmpdir(), 'kube-lego-signals-'));
    // The image's, which has the program elsewhere.
    entrypoint = join(directory, 'kube-lego');
    const program = await readFile(join(imageFolder(), 'bin/kube-lego'), 'utf8');
    await writeFile(entrypoint, program.replaceAll('/app/', join(imageFolder(), 'app/')));
    await chmod(entrypoint, 0o755);
    await writeFile(join(directory, 'config'), api.kubeconfig);
  });
  after(async () => {
    await api.stop();
    await rm(directory, { recursive: true });
  });
  beforeEach(async () => {
    environment = {
      PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
      KUBECONFIG: join(directory, 'config'),
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      LEGO_LOG_TYPE: 'json',
      ...(await controllerEnv()),
    };
  });
  afterEach(async () => {
    api.override = () => false;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  function run(command: string, args: readonly string[] = []): void {
    child = spawn(command, args, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
    log = '';
    child.stdout?.on('data', (chunk) => {
      log += String(chunk);
    });
  }

  /** @returns the pid here of the process that is 1 in its namespace, as soon as a signal reaches it */
  async function runAsFirst(): Promise<number> {
    run('unshare', [...unshare, entrypoint]);
    let first = 0;
    await eventually('process 1 takes SIGTERM', async () => {
      const tasks = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
      first = Number(tasks.trim());
      return first > 0 && (await takesSigterm(first));
    });
    return first;
  }

  async function assertEnds(pid: number, signal: NodeJS.Signals): Promise<void> {
    const exited = once(child, 'exit');
    const begun = performance.now();
    process.kill(pid, signal);
    await exited;
    const took = performance.now() - begun;
    assert.ok(took < limit, `it took ${took} ms`);
  }

  const works = (): boolean => log.includes('is running.');
  /** Milliseconds. */
  const delays = [0, 5, 20, 50, 100, 200, 400];

  describe('in the process namespace of its pod, as deploy/base has it', () => {
    for (const delay of delays) {
      it(`ends when it is asked to ${delay} ms after its start`, async () => {
        run(entrypoint);
        await pause(delay);
        await assertEnds(child.pid ?? 0, 'SIGTERM');
      });
    }
  });

  describe('as process 1', { skip }, () => {
    for (const delay of delays) {
      it(`ends when it is asked to ${delay} ms after its start`, async () => {
        const first = await runAsFirst();
        await pause(delay);
        await assertEnds(first, 'SIGTERM');
      });
    }

    it('ends when it is asked to while it works', async () => {
      const first = await runAsFirst();
      await eventually('it works', works);
      await assertEnds(first, 'SIGTERM');
      assert.equal(child.exitCode, 0);
    });

    it('ends while the API server answers nothing', async () => {
      let asked = false;
      api.override = () => {
        asked = true;
        return true;
      };
      const first = await runAsFirst();
      await eventually('it asks for the Lease', () => asked);
      await assertEnds(first, 'SIGTERM');
      assert.equal(child.exitCode, 0);
    });

    it('ends by itself with the status of the program', async () => {
      environment['LEGO_CHECK_INTERVAL'] = 'soon';
      run('unshare', [...unshare, entrypoint]);
      assert.deepEqual(await once(child, 'exit'), [2, null]);
    });
  });

  it('ends with Ctrl-C, as with SIGTERM', async () => {
    run(entrypoint);
    await eventually('it works', works);
    await assertEnds(child.pid ?? 0, 'SIGINT');
    assert.deepEqual([child.exitCode, child.signalCode], [0, null]);
  });

  it('ends at once when it is asked a second time', async () => {
    // Who stands still for seconds meanwhile is too late: it has ended by itself.
    await eventually('the second signal comes in time, and ends it', async () => {
      api.override = () => false;
      run(entrypoint);
      const exited = once(child, 'exit');
      await eventually('it works', works);
      // The Lease is not released either, for seconds.
      api.override = () => true;
      child.kill('SIGTERM');
      await eventually('it is stopping', () => log.includes('kube-lego is stopping'));
      child.kill('SIGINT');
      await exited;
      return child.signalCode === 'SIGINT';
    });
  });
});

async function takesSigterm(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const [, caught = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return (BigInt(`0x${caught}`) & (1n << 14n)) !== 0n;
}
