import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';
import { AcmeTransport } from '../../../src/acme/transport/transport.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { ScriptedCa } from '../scripted-ca.ts';

/** A proxy that opens tunnels (CONNECT) and says to where. */
async function startProxy(): Promise<{ url: string; tunnels: string[]; stop(): void }> {
  const tunnels: string[] = [];
  const server = createServer();
  server.on('connect', (request, client) => {
    tunnels.push(request.url ?? '');
    const { hostname, port } = new URL(`http://${request.url}`);
    const upstream = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address === 'string' || address === null) throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, tunnels, stop: () => void server.close() };
}

test('the CA is reached through HTTPS_PROXY, except for what NO_PROXY lists', async () => {
  const ca = new ScriptedCa();
  await ca.start();
  const proxy = await startProxy();
  const { host } = new URL(ca.directoryUrl);
  const { signal } = new AbortController();
  try {
    for (const [noProxy, tunnels] of [
      ['', [host]],
      ['localhost', []],
    ] as const) {
      proxy.tunnels.length = 0;
      const transport = new AcmeTransport({
        clock: new CaClock(systemClock),
        userAgent: 'test',
        caBundle: ca.caBundle,
        proxy: { httpsProxy: proxy.url, noProxy },
      });
      await transport.directory(ca.directoryUrl, signal);
      await transport.close();
      assert.deepEqual(proxy.tunnels, tunnels);
    }
  } finally {
    proxy.stop();
    await ca.stop();
  }
});
