import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Agent, request } from 'undici';
import { freePorts } from '../../deploy/local/free-ports.ts';
import { Floor } from '../bench/floor.ts';
import { badGateway } from './faults.ts';
import { CaServer } from './server.ts';

/** What a GET of the directory comes to within so many milliseconds. */
async function ask({ ca, caBundle }: CaServer, limit = 60_000): Promise<string> {
  const agent = new Agent({ connect: { ca: caBundle }, bodyTimeout: limit, headersTimeout: limit });
  try {
    const headers = { 'user-agent': 'test' };
    const answer = await request(ca.directoryUrl, { dispatcher: agent, headers });
    await answer.body.text();
    return String(answer.statusCode);
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  } finally {
    await agent.destroy();
  }
}

describe('the strict CA on its port', () => {
  it('fails as a test says: a reset, half a body, silence, the answer of a proxy', async () => {
    await using server = await CaServer.start({ vaHttpPort: 1 });
    server.ca.faults.next('directory', 'reset', 'half', 'silence', badGateway());
    const outcomes = [await ask(server), await ask(server), await ask(server, 1000), await ask(server)];
    assert.deepEqual(outcomes, ['UND_ERR_SOCKET', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', '502']);
    assert.equal(await ask(server), '200');
  });

  it('bears hundreds of orders in flight', async (context) => {
    const [port = 0] = await freePorts(1);
    await using server = await CaServer.start({ vaHttpPort: port });
    const { caBundle } = server;
    // Hundreds that poll every 20 ms would keep a slow machine busy with polls alone.
    await using floor = await Floor.start({
      directoryUrl: server.ca.directoryUrl,
      caBundle,
      port,
      pollInterval: 1000,
    });
    await floor.issue('warm-up.example.com');
    floor.requests = 0;
    const started = performance.now();
    const hosts = Array.from({ length: 300 }, (_, index) => `host-${index}.example.com`);
    const chains = await Promise.all(hosts.map((host) => floor.issue(host)));
    const seconds = (performance.now() - started) / 1000;
    context.diagnostic(`${(hosts.length / seconds).toFixed(0)} certificates/s, ${floor.requests} requests`);
    assert.equal(new Set(chains).size, hosts.length);
  });
});
