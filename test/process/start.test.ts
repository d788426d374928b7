import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { programFile } from '../../deploy/image/image.ts';
import { createController } from '../../src/controller.ts';
import { ApiStandIn } from '../kubernetes/api-stand-in.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { configOf, controllerEnv, onFailure } from './controller-config.ts';

const portNames = ['LEGO_PORT', 'LEGO_METRICS_PORT', 'LEGO_HEALTH_PORT', 'LEGO_INSPECTOR_PORT'] as const;

for (const taken of portNames) {
  describe(`a start with ${taken} taken by another`, () => {
    let api: ApiStandIn;
    let env: Record<string, string>;
    let other: Server;

    beforeEach(async () => {
      api = await ApiStandIn.start();
      env = await controllerEnv();
      other = createServer();
      await listening(other, env[taken]);
    });
    afterEach(async () => {
      other.close();
      await api.stop();
    });

    it('ends the process with 1 and says why', async ({ signal }) => {
      const directory = await mkdtemp(join(tmpdir(), 'kube-lego-start-'));
      const KUBECONFIG = join(directory, 'config');
      await writeFile(KUBECONFIG, api.kubeconfig);
      const child = spawn(process.execPath, [programFile()], {
        env: { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], KUBECONFIG, ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
        // A test that is cancelled never gets to `finally`.
        signal,
        killSignal: 'SIGKILL',
      });
      try {
        const exited = once(child, 'close');
        let log = '';
        for await (const chunk of child.stdout) log += String(chunk);
        assert.deepEqual(await exited, [1, null]);
        assert.match(log, /EADDRINUSE/);
        assert.match(log, /kube-lego cannot start/);
      } finally {
        child.kill('SIGKILL');
        await rm(directory, { recursive: true });
      }
    });

    it('leaves nothing open', async () => {
      const clock = new ManualClock();
      const options = { config: configOf(env), access: api.access, clock, onFailure };
      const controller = createController({ ...options, log: pino({ level: 'silent' }) });
      await assert.rejects(controller.start(), { code: 'EADDRINUSE' });
      assert.deepEqual(clock.pending, []);
      assert.deepEqual(api.requests, []);
      for (const name of portNames.filter((name) => name !== taken)) {
        const next = createServer();
        await listening(next, env[name]);
        next.close();
      }
    });
  });
}

async function listening(server: Server, port: string | undefined): Promise<void> {
  server.listen(Number(port));
  await once(server, 'listening');
}
