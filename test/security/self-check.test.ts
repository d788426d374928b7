import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ingress } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';

// A tenant who may write Ingresses, and has DNS names and a server of their own, makes the self-check ask what they choose.

const secret = 'the secret of the internal server';
const endless = Array.from({ length: 20 }, (_, number) => `endless-${number}.example`);

describe('a tenant who answers the self-check', () => {
  let stage: Stage;
  let attacker: Server;
  let internal: Server;
  let flooding: { close(): void };
  const asked: { readonly host: string | undefined; readonly url: string | undefined }[] = [];

  before(async () => {
    stage = await startStage({ namespaces: ['mallory'] });
    const { dns, edge } = stage.world;
    const port = edge.httpPort;
    // The ports are those that the CA asks, at addresses of their own.
    attacker = createHttpServer(({ url }, response) => {
      const location = `http://internal.example:${port}/api/v1/admin/purge?confirm=yes&from=${url}`;
      response.writeHead(302, { location }).end();
    });
    internal = createHttpServer(({ headers, url }, response) => {
      asked.push({ host: headers.host, url });
      response.writeHead(202, { server: secret }).end(secret);
    });
    for (const [server, address] of [
      [attacker, '127.0.0.11'],
      [internal, '127.0.0.12'],
    ] as const) {
      server.listen(port, address);
      await once(server, 'listening');
    }
    flooding = await floodingServer(port, '127.0.0.13');
    await dns.setA('purge.example', ['127.0.0.11']);
    for (const name of ['internal.example', 'direct.example']) await dns.setA(name, ['127.0.0.12']);
    for (const name of endless) await dns.setA(name, ['127.0.0.13']);
    await stage.startController({ LEGO_SELF_CHECK_TIMEOUT: '20s' });
    // Each takes the whole time of a check.
    await stage.apply(
      ingress('mallory/purge', { tls: { purge: ['purge.example'] } }),
      ingress('mallory/direct', { tls: { direct: ['direct.example'] } }),
    );
  });
  after(async () => {
    for (const server of [attacker, internal]) {
      server.close();
      server.closeAllConnections();
    }
    flooding.close();
    await stage.stop();
  });

  it('cannot have it send a command to an internal server by a redirect', async () => {
    const told = /has a private address, and is asked for the challenge itself only/;
    await stage.untilWarned('mallory/purge', 'SelfCheckFailed', told);
    assert.deepEqual(
      asked.filter(({ host }) => host?.startsWith('direct.example') !== true),
      [],
    );
  });

  it('can have a server with a private address asked for a random challenge, and learns its status', async () => {
    const told = await stage.untilWarned(
      'mallory/direct',
      'SelfCheckFailed',
      /answers the challenge with status 202 from 127\.0\.0\.12 instead of 200/,
    );
    assert.doesNotMatch(told, new RegExp(secret));
    assert.ok(asked.length > 0);
    for (const { url } of asked) assert.match(url ?? '', /^\/\.well-known\/acme-challenge\/[\w-]{43}$/);
  });

  it('cannot keep the controller busy with answers without end', async () => {
    await stage.apply(
      ...endless.map((host) => ingress(`mallory/${host.replace('.', '-')}`, { tls: { [host]: [host] } })),
    );
    for (const host of endless) {
      const key = `mallory/${host.replace('.', '-')}`;
      await stage.untilWarned(key, 'SelfCheckFailed', /too many interim answers/);
    }
    assert.equal(await stage.orders(), 0);
  });
});

/** Interim answers as fast as they are taken. */
async function floodingServer(port: number, address: string): Promise<{ close(): void }> {
  const block = 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(2000);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    const flood = (): void => {
      while (socket.writable && socket.write(block));
    };
    socket.on('drain', flood);
    socket.once('data', flood);
  });
  server.listen(port, address);
  await once(server, 'listening');
  return {
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
