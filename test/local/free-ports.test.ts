import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
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
