import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import process from 'node:process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePorts, holdPorts } from '../../deploy/local/free-ports.ts';

async function listen(port: number, host?: string): Promise<void> {
  const server = createServer();
  server.listen({ port, host, exclusive: true });
  try {
    await once(server, 'listening');
  } finally {
    server.close();
  }
}

test('nobody else gets a port that is held, on any address, until it is released', async () => {
  const { ports, release } = await holdPorts(2);
  try {
    for (const port of ports) {
      await assert.rejects(listen(port), { code: 'EADDRINUSE' });
      await assert.rejects(listen(port, '127.0.0.1'), { code: 'EADDRINUSE' });
    }
  } finally {
    await release();
  }
  for (const port of ports) await listen(port);
  await release();
});

test('free ports are distinct and can be listened on', async () => {
  const ports = await freePorts(20);
  assert.equal(new Set(ports).size, 20);
  for (const port of ports) await listen(port);
});

test('a port whose server has not started yet, or is started again, is chosen by no other process', async () => {
  const module = fileURLToPath(new URL('../../deploy/local/free-ports.ts', import.meta.url));
  const program = `import { freePorts } from '${module}'; console.log(JSON.stringify(await freePorts(200)))`;
  const ours = new Set(await freePorts(200));
  const others = Array.from({ length: 3 }, () =>
    promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]),
  );
  const chosen = (await Promise.all(others)).flatMap(({ stdout }): number[] => JSON.parse(stdout));
  assert.equal(chosen.length, 600);
  assert.deepEqual(
    chosen.filter((port) => ours.has(port)),
    [],
  );
});
