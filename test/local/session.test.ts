import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { onFreePorts } from '../../deploy/local/free-ports.ts';
import { LocalError } from '../../deploy/local/local-error.ts';
import { startSession } from '../../deploy/local/session.ts';
import { eventually } from '../time/eventually.ts';
import { processesWith } from './processes.ts';

describe('a session leaves nothing behind', () => {
  test('after stop', async () => {
    const session = await startSession();
    const sleeper = session.spawn({ name: 'sleeper', command: '/bin/sleep', args: ['1000'] });
    await session.stop();
    assert.equal((await sleeper.exited).signal, 'SIGKILL');
    assert.equal(existsSync(session.directory), false);
    assert.deepEqual(processesWith(session.directory), []);
  });

  const ends: Record<string, (owner: ChildProcess) => void> = {
    'is killed': (owner) => owner.kill('SIGKILL'),
    'is interrupted': (owner) => owner.kill('SIGINT'),
    'is terminated': (owner) => owner.kill('SIGTERM'),
    throws: (owner) => owner.stdin?.write('fail\n'),
  };
  for (const [how, end] of Object.entries(ends)) {
    test(`when its owner ${how}`, async () => {
      const { owner, directory } = await startOwner([]);
      assert.equal(processesWith(directory).length >= 2, true, 'a child, a grandchild and the reaper run');
      end(owner);
      await once(owner, 'exit');
      await eventually('all processes are gone', () => processesWith(directory).length === 0);
      await eventually('the folder is gone', () => !existsSync(directory));
    });
  }

  test('when the owner of a whole cluster is killed', async () => {
    const { owner, directory } = await startOwner(['cluster']);
    assert.equal(processesWith(directory).filter((line) => /etcd|kube-apiserver/.test(line)).length, 2);
    owner.kill('SIGKILL');
    await eventually('all processes are gone', () => processesWith(directory).length === 0);
    await eventually('the folder is gone', () => !existsSync(directory));
  });
});

describe('a program of a session', () => {
  test('that ends before it is ready says so with the end of its log', async () => {
    await using session = await startSession();
    const failing = session.spawn({
      name: 'failing',
      command: '/bin/sh',
      args: ['-c', 'echo no configuration; exit 3'],
    });
    await assert.rejects(
      failing.untilReady(async () => false, 60_000),
      (error) => {
        assert(error instanceof LocalError);
        assert.equal(error.code, 'ServerExited');
        assert.match(error.message, /failing ended before it was ready[^]*no configuration/);
        return true;
      },
    );
    assert.equal(await readFile(failing.log, 'utf8'), 'no configuration\n');
  });

  test('that does not exist is an error that names it', async () => {
    await using session = await startSession();
    assert.throws(() => session.spawn({ name: 'ghost', command: '/nowhere/ghost', args: [] }), {
      code: 'NotStarted',
      message: /ghost could not be started: is there a program \/nowhere\/ghost\?/,
    });
  });

  test('that ignores SIGTERM is killed after the limit', async () => {
    await using session = await startSession();
    const stubborn = session.spawn({
      name: 'stubborn',
      command: '/bin/sh',
      args: ['-c', "trap '' TERM; echo ready; while :; do :; done"],
    });
    await stubborn.untilReady(async () => (await stubborn.lastLines(1)) === 'ready', 60_000);
    assert.equal((await stubborn.stop({ limit: 50 })).signal, 'SIGKILL');
  });

  test('whose port somebody takes is started again on others', async () => {
    await using session = await startSession();
    const taken = createServer();
    const tried: number[] = [];
    const port = await onFreePorts(1, async ([candidate = 0]) => {
      tried.push(candidate);
      if (tried.length === 1) taken.listen(candidate, '127.0.0.1');
      const listener = session.spawn({
        name: 'listener',
        command: process.execPath,
        args: [
          '-e',
          `require('net').createServer().listen(${candidate}, '127.0.0.1', () => console.log('listening'))`,
        ],
      });
      await listener.untilReady(async () => (await listener.lastLines(1)) === 'listening', 60_000);
      return candidate;
    });
    taken.close();
    assert.equal(tried.length, 2);
    assert.equal(port, tried[1]);
  });
});

async function startOwner(args: readonly string[]): Promise<{ owner: ChildProcess; directory: string }> {
  const owner = spawn(process.execPath, [join(import.meta.dirname, 'session-owner.ts'), ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const [line] = await once(owner.stdout, 'data');
  return { owner, directory: String(line).trim() };
}
