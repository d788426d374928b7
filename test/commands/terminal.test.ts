import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it } from 'node:test';
import { programFile } from '../../deploy/image/image.ts';
import { inherited } from './command-run.ts';

describe('a command at the terminal', () => {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`ends in order at ${name}`, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), 'kube-lego-'));
      t.after(() => rm(directory, { recursive: true }));
      // An API server that never answers.
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      t.after(() => server.close());
      const address = server.address();
      assert.ok(typeof address === 'object' && address !== null);
      const kubeconfig = {
        'current-context': 'here',
        contexts: [{ name: 'here', context: { cluster: 'here', user: 'me' } }],
        clusters: [{ name: 'here', cluster: { server: `http://127.0.0.1:${address.port}` } }],
        users: [{ name: 'me', user: {} }],
      };
      const KUBECONFIG = join(directory, 'kubeconfig');
      await writeFile(KUBECONFIG, JSON.stringify(kubeconfig));
      const connected = once(server, 'connection');
      const child = spawn(process.execPath, [programFile(), 'retry', 'shop/web'], {
        env: { ...inherited, KUBECONFIG },
        stdio: 'ignore',
      });
      const ended = once(child, 'exit');
      await connected;
      child.kill(name);
      assert.deepEqual(await ended, [1, null]);
    });
  }
});
