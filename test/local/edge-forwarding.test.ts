import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { describe, it } from 'node:test';
import { startApp } from '../../deploy/local/app.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { ingress } from './edge-objects.ts';
import { appPort, ask, echoServer, edgeTo, listening } from './edge-world.ts';

describe('forwarding', () => {
  it('reaches the app, which answers every path with 200 and HTML', async (t) => {
    const { httpPort } = await edgeTo(t, await appPort(t));
    const { status, headers, body } = await ask(httpPort, { path: '/.well-known/acme-challenge/token' });
    assert.equal(status, 200);
    assert.match(headers['content-type'] ?? '', /^text\/html/);
    assert.match(body, /Hello World/);
  });

  it('takes the Host header in any case, with a port and a final dot', async (t) => {
    const { httpPort } = await edgeTo(t, await appPort(t));
    for (const host of ['SHOP.test', 'shop.test.', `shop.test:${httpPort}`]) {
      assert.equal((await ask(httpPort, { headers: { host } })).status, 200, host);
    }
  });

  it('keeps the request as it is, with the Host header, and sets X-Forwarded headers itself', async (t) => {
    const { httpPort } = await edgeTo(t, await listening(t, echoServer()));
    const { body } = await ask(
      httpPort,
      {
        method: 'POST',
        path: '/a?b=c',
        headers: { host: 'shop.test:81', 'x-forwarded-host': 'evil.test', 'x-own': 'kept', te: 'trailers' },
      },
      'some body',
    );
    const seen = JSON.parse(body);
    assert.equal(seen.method, 'POST');
    assert.equal(seen.url, '/a?b=c');
    assert.equal(seen.body, 'some body');
    assert.equal(seen.headers.host, 'shop.test:81');
    assert.equal(seen.headers['x-own'], 'kept');
    assert.equal(seen.headers.te, undefined);
    assert.equal(seen.headers['x-forwarded-host'], 'shop.test:81');
    assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(seen.headers['x-forwarded-proto'], 'http');
  });

  it('hands on the first part of a body before the last one exists', async (t) => {
    const first = Promise.withResolvers<void>();
    const backend = createServer((_, response) => {
      response.write('first');
      void first.promise.then(() => response.end(' last'));
    });
    const { httpPort } = await edgeTo(t, await listening(t, backend));
    const outgoing = request({
      host: '127.0.0.1',
      port: httpPort,
      agent: false,
      headers: { host: 'shop.test' },
    });
    outgoing.end();
    const [incoming] = await once(outgoing, 'response');
    const [chunk] = await once(incoming, 'data');
    assert.equal(String(chunk), 'first');
    first.resolve();
    const [rest] = await once(incoming, 'data');
    assert.equal(String(rest), ' last');
  });

  it('answers 404 for an unknown host, 503 without a local port, 502 without a listener', async (t) => {
    const app = await startApp();
    await app.stop();
    const elsewhere = ingress('shop/else', { rules: { 'else.test': { '/': 'missing:80' } } });
    const { httpPort } = await edgeTo(t, app.port, [elsewhere]);
    assert.equal((await ask(httpPort, { headers: { host: 'unknown.test' } })).status, 404);
    assert.equal((await ask(httpPort, { headers: { host: 'else.test' } })).status, 503);
    assert.equal((await ask(httpPort)).status, 502);
  });

  it('survives a Service that breaks off half-way, and the client sees that it did', async (t) => {
    const backend = createServer((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    const { httpPort } = await edgeTo(t, await listening(t, backend));
    await assert.rejects(ask(httpPort), { code: 'ECONNRESET' });
    assert.equal((await ask(httpPort, { headers: { host: 'unknown.test' } })).status, 404);
  });

  it('keeps a connection only if told to', async (t) => {
    for (const keepAlive of [true, false]) {
      const { httpPort } = await edgeTo(t, await appPort(t), [], {}, { keepAlive });
      const agent = new Agent({ keepAlive: true });
      const { headers } = await ask(httpPort, { agent });
      agent.destroy();
      assert.equal(headers.connection, keepAlive ? 'keep-alive' : 'close');
    }
  });
});

describe('instances', () => {
  it('answer new connections in turn, the lagging one still by the former rules', async (t) => {
    const { edge, httpPort } = await edgeTo(t, await appPort(t), [], { lag: 600_000 });
    edge.change(ingress('blog/site', { rules: { 'blog.test': { '/': 'web:80' } } }));
    const statuses: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      statuses.push((await ask(httpPort, { headers: { host: 'blog.test' } })).status);
    }
    assert.deepEqual(statuses, [503, 404, 503, 404]);
  });

  it('come to the new rules after delay and lag', async (t) => {
    const clock = new ManualClock();
    const { edge, httpPort } = await edgeTo(t, await appPort(t), [], { delay: 50, lag: 70 }, {}, clock);
    edge.change({ kind: 'ingress', key: 'shop/site', object: undefined });
    const statuses = async (): Promise<number[]> =>
      [(await ask(httpPort)).status, (await ask(httpPort)).status].toSorted((a, b) => a - b);
    clock.advance(49);
    assert.deepEqual(await statuses(), [200, 200]);
    clock.advance(1);
    assert.deepEqual(await statuses(), [200, 404]);
    clock.advance(70);
    assert.deepEqual(await statuses(), [404, 404]);
  });

  it('keep a connection that is in use, and serve it by the rules of the moment', async (t) => {
    const { edge, httpPort } = await edgeTo(t, await appPort(t));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    assert.equal((await ask(httpPort, { agent })).status, 200);
    edge.change({ kind: 'ingress', key: 'shop/site', object: undefined });
    assert.equal((await ask(httpPort, { agent })).status, 404);
  });
});
