import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import type { SourceKey } from '../../machines/ownership/source-key.ts';
import { Viewer } from '../../src/inspector/viewer.ts';
import { EventStream } from './event-stream.ts';
import { inspected } from './inspected.ts';

/** The status of a request with these headers, which `fetch` would not let one set. */
function statusOf(
  port: number,
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path, method, headers }, (answer) => {
      answer.destroy();
      resolve(answer.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('the server of the inspector', () => {
  const paths = [
    '/',
    '/page/main.mjs',
    '/sources',
    '/sources/Ingress/shop/web',
    '/events',
    '/events?source=Ingress/shop/web',
  ];

  it('answers under the names of this machine only, and to no page of another origin', async (t) => {
    const { port } = await inspected(t);
    const own = `localhost:${port}`;
    for (const path of paths) {
      assert.equal(await statusOf(port, path, { host: own }), 200, path);
      assert.equal(await statusOf(port, path, { host: own, origin: `http://${own}` }), 200, path);
      for (const host of [
        'evil.example.com',
        `evil.example.com:${port}`,
        `localhost.evil.com:${port}`,
        '10.0.0.1',
      ]) {
        assert.equal(await statusOf(port, path, { host }), 403, `${path} as ${host}`);
      }
      for (const origin of ['https://evil.example.com', 'null', 'http://localhost:1', `https://${own}`]) {
        assert.equal(await statusOf(port, path, { host: own, origin }), 403, `${path} from ${origin}`);
      }
    }
  });

  it('is read-only, and knows nothing beyond its paths', async (t) => {
    const { port } = await inspected(t);
    const host = `127.0.0.1:${port}`;
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      assert.equal(await statusOf(port, '/sources', { host }, method), 405, method);
    }
    assert.equal(await statusOf(port, '/events', { host }, 'HEAD'), 405);
    for (const path of [
      '/page/../server.ts',
      '/page/%2e%2e/server.ts',
      '/page/',
      '/sources/Ingress/shop',
      '/sources/Ingress/%zz/web',
    ]) {
      assert.equal(await statusOf(port, path, { host }), 404, path);
    }
  });

  it('takes names as the browser writes them', async (t) => {
    const { url } = await inspected(t);
    const answer = await fetch(`${url}/sources/Ingress/s%68op/w%65b`);
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /"key":"Ingress\/shop\/web"/);
  });

  it('sends the page with a policy that lets it load nothing from elsewhere', async (t) => {
    const { url } = await inspected(t);
    const { headers } = await fetch(url);
    assert.match(headers.get('content-security-policy') ?? '', /^default-src 'none'; script-src 'self'/);
  });

  it('has room for twenty viewers', async (t) => {
    const { url } = await inspected(t);
    const streams = await Promise.all(Array.from({ length: 20 }, () => EventStream.open(`${url}/events`)));
    const refused = await fetch(`${url}/events`);
    assert.equal(refused.status, 503);
    assert.match(await refused.text(), /too many viewers/);
    for (const stream of streams) stream.close();
  });

  it('gives a viewer that did not keep up everything when it comes back', async (t) => {
    const { port, url, run, actors, clock, journal } = await inspected(t);
    const keys = Array.from({ length: 2000 }, (_, index): SourceKey => `Ingress/shop/${index}`);
    for (const key of keys) actors.set(key, run.ingress);
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.setEncoding('utf8');
    socket.write(`GET /events HTTP/1.1\r\nhost: localhost:${port}\r\n\r\n`);
    const [start]: string[] = await once(socket, 'data');
    socket.pause();
    const closed = once(socket, 'close');
    for (let beats = 0; beats < 40; beats += 1) {
      for (const key of keys) journal.onChange?.(key);
      clock.advance(200);
    }
    socket.resume();
    await closed;
    const [id] = /(?<=^id: ).+$/m.exec(start ?? '') ?? [];
    assert.ok(id !== undefined);
    actors.delete('Ingress/shop/0');
    const again = await EventStream.open(`${url}/events`, { 'last-event-id': id });
    t.after(() => again.close());
    const { ingresses } = await again.until('snapshot');
    assert.equal(ingresses.length, 2000);
  });

  it('closes a viewer that does not keep up, but not for the length of its snapshot', async (t) => {
    let gone = 0;
    const viewers: Viewer[] = [];
    const server = createServer((_, response) => {
      viewers.push(new Viewer(response, () => (gone += 1)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const socket = connect(address.port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await once(socket, 'data');
    socket.pause();
    const [viewer] = viewers;
    assert.ok(viewer !== undefined);
    viewer.sendSnapshot('x'.repeat(32 * 1024 * 1024));
    assert.equal(gone, 0);
    const closed = once(socket, 'close');
    for (let frames = 0; frames < 40; frames += 1) viewer.send('y'.repeat(64 * 1024));
    socket.resume();
    await closed;
    assert.equal(gone, 1);
  });
});
