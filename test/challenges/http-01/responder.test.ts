import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { createResponder, type ResponderOptions } from '../../../src/challenges/http-01/responder.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';
import { Site } from './site.ts';

const thumbprint = 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ';
const token = 'DGyRejmCefe7v4NfDGDKfA_-DGyRejmCefe7v4NfDGD';
const path = `/.well-known/acme-challenge/${token}`;

class World {
  readonly hosts = new Set(['shop.example.com']);
  thumbprint: string | undefined = thumbprint;
  refreshes = 0;
  refresh: () => Promise<void> = async () => undefined;
  readonly errors: unknown[] = [];

  start(overrides: Partial<ResponderOptions> = {}): Promise<Site> {
    return Site.serve(
      createResponder({
        thumbprintOf: (host) => (this.hosts.has(host) ? this.thumbprint : undefined),
        refresh: () => {
          this.refreshes++;
          return this.refresh();
        },
        onError: (error) => this.errors.push(error),
        clock: systemClock,
        ...overrides,
      }),
    );
  }
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function ask(
  site: Site,
  target = path,
  host = 'shop.example.com',
  method = 'GET',
  extra = {},
): Promise<Reply> {
  const outgoing = httpRequest({
    host: '127.0.0.1',
    port: site.port,
    path: target,
    method,
    agent: false,
    headers: { host, ...extra },
  });
  outgoing.end();
  const [response] = await once(outgoing, 'response');
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, headers: response.headers, body };
}

describe('the responder answers', () => {
  it('a token of a host that is being validated, as text that nobody keeps or takes for something else', async () => {
    await using site = await new World().start();
    const { status, headers, body } = await ask(site);
    assert.equal(status, 200);
    assert.equal(body, `${token}.${thumbprint}`);
    assert.equal(headers['content-type'], 'text/plain');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['content-length'], String(body.length));
  });

  it('whatever the case, port and final dot of the host', async () => {
    await using site = await new World().start();
    for (const host of [
      'SHOP.example.com',
      'shop.example.com:80',
      'shop.example.com.',
      'Shop.Example.Com.:8080',
    ]) {
      assert.equal((await ask(site, path, host)).status, 200, host);
    }
  });

  it('HEAD without the body', async () => {
    await using site = await new World().start();
    const { status, body, headers } = await ask(site, path, undefined, 'HEAD');
    assert.deepEqual([status, body, headers['content-length']], [200, '', String(token.length + 44)]);
  });

  it('with a query behind the token, which it does not repeat', async () => {
    await using site = await new World().start();
    assert.equal((await ask(site, `${path}?x=<script>`)).body, `${token}.${thumbprint}`);
  });
});

describe('the responder and the health check of a load balancer', () => {
  it('says 200 to GET / and HEAD /, whatever the host, and before there is an account', async () => {
    const world = new World();
    world.thumbprint = undefined;
    await using site = await world.start();
    for (const host of ['10.0.0.7:8080', 'shop.example.com']) {
      const { status, body } = await ask(site, '/', host);
      assert.deepEqual([status, body], [200, 'OK\n'], host);
    }
    const { status, body, headers } = await ask(site, '/', '10.0.0.7', 'HEAD');
    assert.deepEqual([status, body, headers['content-length']], [200, '', '3']);
    assert.equal(world.refreshes, 0);
  });
});

describe('the responder says 404', () => {
  for (const [name, target, host, method] of [
    ['to another path', '/index.html', undefined, 'GET'],
    ['to a query of the root', '/?x', undefined, 'GET'],
    ['to another method of the root', '/', undefined, 'POST'],
    ['to the bare challenge path', '/.well-known/acme-challenge/', undefined, 'GET'],
    ['to a path behind the token', `${path}/x`, undefined, 'GET'],
    [
      'to a token with other characters',
      `/.well-known/acme-challenge/${token}%3Cscript%3E`,
      undefined,
      'GET',
    ],
    ['to a short token', '/.well-known/acme-challenge/abc', undefined, 'GET'],
    ['to a very long token', `/.well-known/acme-challenge/${'a'.repeat(129)}`, undefined, 'GET'],
    ['to another method', path, undefined, 'POST'],
    ['to a host that is not being validated', path, 'other.example.com', 'GET'],
    ['to a host with something around it', path, 'x@shop.example.com', 'GET'],
  ] as const) {
    it(name, async () => {
      await using site = await new World().start();
      const { status, body, headers } = await ask(site, target, host, method);
      assert.deepEqual([status, body, headers['cache-control']], [404, 'Not found\n', 'no-store']);
    });
  }

  it('and never looks at X-Forwarded-Host', async () => {
    await using site = await new World().start();
    const forwarded = { 'x-forwarded-host': 'shop.example.com', forwarded: 'host=shop.example.com' };
    assert.equal((await ask(site, path, 'other.example.com', 'GET', forwarded)).status, 404);
  });

  it('to a request with two hosts', async () => {
    await using site = await new World().start();
    const socket = connect(site.port, '127.0.0.1');
    socket.end(
      `GET ${path} HTTP/1.1\r\nHost: shop.example.com\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n`,
    );
    let reply = '';
    for await (const chunk of socket) reply += String(chunk);
    assert.match(reply, /^HTTP\/1\.1 404 /);
  });

  it('while there is no account', async () => {
    const world = new World();
    await using site = await world.start();
    world.thumbprint = undefined;
    assert.equal((await ask(site)).status, 404);
  });

  it('and reports it when the lookup fails', async () => {
    const world = new World();
    const thumbprintOf = (): string => {
      throw new Error('a bug');
    };
    await using site = await world.start({ thumbprintOf });
    assert.equal((await ask(site)).status, 404);
    assert.equal(world.errors.length, 1);
  });
});

describe('the responder and a host that it does not know yet', () => {
  it('reads the challenge Ingresses before it says no', async () => {
    const world = new World();
    world.refresh = async () => {
      world.hosts.add('new.example.com');
    };
    await using site = await world.start();
    assert.equal((await ask(site, path, 'new.example.com')).status, 200);
    assert.equal(world.refreshes, 1);
  });

  it('does not read them for requests that are no challenges', async () => {
    const world = new World();
    await using site = await world.start();
    await ask(site, '/', 'new.example.com');
    await ask(site, '/index.html', 'new.example.com');
    await ask(site, path, 'new.example.com', 'POST');
    assert.equal(world.refreshes, 0);
  });

  it('closes the connection, so that another replica is asked, after a read that hangs for two seconds', async () => {
    const world = new World();
    world.refresh = () => new Promise(() => undefined);
    const clock = new ManualClock();
    await using site = await world.start({ clock });
    const reply = ask(site, path, 'new.example.com');
    await eventually('the request waits', () => clock.pending.includes(2000));
    clock.advance(2000);
    await assert.rejects(reply, { code: 'ECONNRESET' });
  });

  it('leaves no timer behind', async () => {
    const world = new World();
    const clock = new ManualClock();
    await using site = await world.start({ clock });
    await ask(site, path, 'new.example.com');
    assert.deepEqual(clock.pending, []);
  });

  it('closes the connection when the read fails; a host that it knows is answered', async () => {
    const world = new World();
    world.refresh = async () => {
      throw new Error('the API server is away');
    };
    await using site = await world.start();
    await assert.rejects(ask(site, path, 'new.example.com'), { code: 'ECONNRESET' });
    assert.equal((await ask(site)).status, 200);
  });
});
