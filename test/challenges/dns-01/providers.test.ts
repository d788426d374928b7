import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { readServer } from '../../../src/challenges/dns-01/lookup/dns-exchange.ts';
import { AcmeDnsProvider } from '../../../src/challenges/dns-01/providers/acme-dns.ts';
import { HttpreqProvider } from '../../../src/challenges/dns-01/providers/httpreq.ts';
import { ProviderError } from '../../../src/challenges/dns-01/providers/provider.ts';
import { Rfc2136Provider } from '../../../src/challenges/dns-01/providers/rfc2136.ts';
import { WebCaller, type WebCallerOptions } from '../../../src/challenges/dns-01/providers/web-call.ts';
import { stringField } from '../../../src/process/json.ts';
import { type Clock, systemClock } from '../../../src/time/clock.ts';
import { eventually } from '../../time/eventually.ts';
import { tsigKey, zoneServer } from './dns-world.ts';
import { behavesAsProvider, challengeValue, type ProviderStage } from './provider-behaviour.ts';

const { signal } = new AbortController();
const password = 'a-password-that-nobody-else-has';
const login = { username: 'kube-lego', password };

type Answer = (path: string, body: unknown, request: IncomingMessage, response: ServerResponse) => number;

/** A service that takes JSON, until the test ends. */
async function service(
  t: TestContext,
  answer: Answer,
  {
    mayWrite,
    clock = systemClock,
    ...proxy
  }: Partial<Pick<WebCallerOptions, 'clock' | 'mayWrite'> & WebCallerOptions['proxy']> = {},
): Promise<{ readonly url: string; readonly web: WebCaller }> {
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      response.statusCode = answer(request.url ?? '', body, request, response);
      response.end('{"secret": "of the service"}');
    });
  });
  const url = await listen(t, server);
  const direct = { httpsProxy: '', noProxy: '' };
  const web = new WebCaller({
    clock,
    userAgent: 'test',
    caBundle: undefined,
    proxy: { ...direct, ...proxy },
    mayWrite,
  });
  t.after(() => web.close());
  return { url, web };
}

async function listen(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server[Symbol.asyncDispose]());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `http://127.0.0.1:${address.port}/`;
}

function isLoggedIn({ headers }: IncomingMessage): boolean {
  return headers.authorization === `Basic ${Buffer.from(`${login.username}:${password}`).toString('base64')}`;
}

/** The protocol's server side, in both modes. */
function httpreq(mode: 'default' | 'raw') {
  return async (t: TestContext): Promise<ProviderStage> => {
    const values = new Map<string, Set<string>>();
    const { url, web } = await service(t, (path, body, request) => {
      if (!isLoggedIn(request)) return 401;
      const [token, keyAuth = ''] = [stringField(body, 'token'), stringField(body, 'keyAuth')];
      if (mode === 'raw' && keyAuth.split('.')[0] !== token) return 400;
      const name =
        mode === 'raw'
          ? `_acme-challenge.${stringField(body, 'domain') ?? ''}`
          : (stringField(body, 'fqdn') ?? '').replace(/\.$/, '');
      const value =
        mode === 'raw'
          ? createHash('sha256').update(keyAuth).digest('base64url')
          : (stringField(body, 'value') ?? '');
      const known = values.get(name) ?? new Set();
      values.set(name, known);
      if (path === '/present') known.add(value);
      else if (path === '/cleanup') known.delete(value);
      else return 404;
      return 200;
    });
    return {
      provider: new HttpreqProvider({ web, url, mode, login }),
      values: (name) => Promise.resolve([...(values.get(name) ?? [])]),
      stranger: {
        provider: new HttpreqProvider({ web, url, mode, login: undefined }),
        says: /status 401\. Correct the credentials/,
      },
      secrets: [password, 'of the service'],
    };
  };
}

describe('httpreq', () => {
  describe('with record and value', () => behavesAsProvider(httpreq('default')));
  describe('raw', () => behavesAsProvider(httpreq('raw')));

  it('follows no redirect, and takes an outage for one', async (t) => {
    let status = 302;
    const { url, web } = await service(t, (_, __, ___, response) => {
      response.setHeader('location', 'http://127.0.0.1:1/');
      return status;
    });
    const provider = new HttpreqProvider({ web, url, mode: 'default', login });
    const failure = (): Promise<string> =>
      provider.add(challengeValue('one'), signal).then(
        () => 'none',
        (error: unknown) =>
          error instanceof ProviderError ? `${error.code}: ${error.message}` : String(error),
      );
    assert.match(await failure(), /^refused: .* answers with status 302\.$/);
    status = 503;
    assert.match(await failure(), /^unreachable: .* answers with status 503\.$/);
  });
});

describe('services that are asked by a process that leads no longer', () => {
  it('get nothing, directly or through a proxy', async (t) => {
    const asked: string[] = [];
    let leads = true;
    const { url, web } = await service(
      t,
      (path) => {
        asked.push(path);
        return 200;
      },
      { httpsProxy: '', noProxy: '', mayWrite: () => leads },
    );
    await web.post({ url: `${url}present`, body: {} }, signal);
    leads = false;
    for (const target of [`${url}cleanup`, url.replace('127.0.0.1', 'localhost')]) {
      await assert.rejects(
        web.post({ url: target, body: {} }, signal),
        (error) => error instanceof ProviderError && error.code === 'unreachable',
      );
    }
    await web.close();
    assert.deepEqual(asked, ['/present']);
  });
});

describe('a slow service', () => {
  it('has time for each exchange from its turn on, and keeps nobody who gives up', async (t) => {
    const limits: (() => void)[] = [];
    const clock: Clock = {
      ...systemClock,
      setTimeout: (fn) => limits.push(fn),
      clearTimeout: () => undefined,
    };
    let arrived = 0;
    const { url, web } = await service(
      t,
      (_, __, ___, response) => {
        arrived += 1;
        // Only the ninth is answered.
        if (arrived < 9) response.end = () => response;
        return 200;
      },
      { clock },
    );
    const outcomes = Promise.allSettled(Array.from({ length: 9 }, () => web.post({ url, body: {} }, signal)));
    const stop = new AbortController();
    const tenth = web.post({ url, body: {} }, stop.signal);
    await eventually('eight have come', () => arrived === 8);
    assert.equal(limits.length, 8);
    stop.abort(new Error('the round is over'));
    await assert.rejects(tenth, /the round is over/);
    for (const end of limits.slice(0, 8)) end();
    const settled = await outcomes;
    assert.deepEqual(
      settled.map(({ status }) => status),
      [...Array.from({ length: 8 }, () => 'rejected'), 'fulfilled'],
    );
    const [first] = settled;
    assert.match(String(first?.status === 'rejected' && first.reason), /gives no answer within 30 s\.$/);
    assert.equal(arrived, 9);
  });
});

describe('services behind HTTPS_PROXY', () => {
  /** The services that were asked for, at a proxy that leads to none of them. */
  async function asked(t: TestContext, noProxy: string, url?: string): Promise<string[]> {
    const tunnels: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, client) => {
      tunnels.push(request.url ?? '');
      client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    const httpsProxy = await listen(t, proxy);
    const own = await service(t, () => 200, { httpsProxy, noProxy });
    const call = own.web.post({ url: url ?? own.url, body: {} }, signal);
    if (url === undefined) await call;
    else
      await assert.rejects(call, (error) => error instanceof ProviderError && error.code === 'unreachable');
    return tunnels;
  }

  it('are reached through it, except for what NO_PROXY lists and for Services of the cluster', async (t) => {
    const closed = 'https://localhost:1/update';
    assert.deepEqual(await asked(t, '', closed), ['localhost:1']);
    assert.deepEqual(await asked(t, 'localhost', closed), []);
    assert.deepEqual(await asked(t, ''), []);
    assert.deepEqual(await asked(t, '', 'https://dns.shop.svc:1/'), []);
  });
});

describe('acme-dns', () => {
  const fulldomain = 'd420c923.acme-dns.example';
  const account = { ...login, subdomain: 'd420c923', fulldomain };

  /** It keeps the two newest values. */
  async function acmeDns(t: TestContext) {
    const values: string[] = [];
    const { url, web } = await service(t, (path, body, { headers }) => {
      if (headers['x-api-user'] !== login.username || headers['x-api-key'] !== password) return 401;
      const text = stringField(body, 'txt') ?? '';
      if (path !== '/update' || stringField(body, 'subdomain') !== 'd420c923' || text.length !== 43)
        return 400;
      values.unshift(text);
      values.splice(2);
      return 200;
    });
    return { values, provider: new AcmeDnsProvider({ web, url, account }), web, url };
  }

  it('adds an apex and its wildcard beside each other, and has room for no more', async (t) => {
    const { values, provider } = await acmeDns(t);
    const [one, two] = [challengeValue('one'), challengeValue('two')];
    await provider.add(one, signal);
    await provider.add(two, signal);
    assert.deepEqual(values, [two.value, one.value]);
    await provider.remove();
    assert.equal(provider.room, 2);
  });

  it('is refused with other credentials, and for a host without a CNAME to it', async (t) => {
    const { web, url, provider } = await acmeDns(t);
    const stranger = new AcmeDnsProvider({ web, url, account: { ...account, password: 'another' } });
    await assert.rejects(stranger.add(challengeValue('one'), signal), /status 401/);
    const record = { name: fulldomain, zone: 'acme-dns.example', primary: 'ns' };
    await provider.check(record);
    await assert.rejects(
      provider.check({ ...record, name: '_acme-challenge.shop.example' }),
      /can write, d420c923\.acme-dns/,
    );
  });
});

describe('RFC 2136', () => {
  behavesAsProvider(async (t) => {
    const server = await zoneServer(t);
    const servers = () => Promise.resolve([readServer(server.address)]);
    const key = { ...tsigKey, name: 'somebody' };
    return {
      provider: new Rfc2136Provider({ key: tsigKey, servers, now: Date.now }),
      values: (name) => Promise.resolve(server.values(name)),
      stranger: { provider: new Rfc2136Provider({ key, servers, now: Date.now }), says: /BADKEY/ },
      secrets: [tsigKey.secret.toString('base64')],
    };
  });

  it('believes no success that is not signed', async (t) => {
    const server = await zoneServer(t);
    server.trouble = 'unsigned';
    const provider = new Rfc2136Provider({
      key: tsigKey,
      servers: () => Promise.resolve([readServer(server.address)]),
      now: Date.now,
    });
    await assert.rejects(provider.add(challengeValue('one'), signal), /its answer is not signed/);
  });

  it('sends nothing when its process leads no longer, also not by TCP', async (t) => {
    const server = await zoneServer(t);
    let leads = true;
    const provider = new Rfc2136Provider({
      key: tsigKey,
      servers: () => Promise.resolve([readServer(server.address)]),
      now: Date.now,
      mayWrite: () => leads,
    });
    const [one, two] = [challengeValue('one'), challengeValue('two')];
    await provider.add(one, signal);
    leads = false;
    await assert.rejects(provider.add(two, signal), /does not lead/);
    await assert.rejects(provider.remove(one, signal), /does not lead/);
    assert.deepEqual(server.values(one.record.name), [one.value]);
  });

  it('goes on to the next server when one cannot be reached', async (t) => {
    const server = await zoneServer(t);
    const provider = new Rfc2136Provider({
      key: tsigKey,
      servers: () => Promise.resolve([{ address: '127.0.0.1', port: 1 }, readServer(server.address)]),
      now: Date.now,
    });
    const value = challengeValue('one');
    await provider.add(value, signal);
    assert.deepEqual(server.values(value.record.name), [value.value]);
    const nowhere = new Rfc2136Provider({
      key: tsigKey,
      servers: () => Promise.resolve([{ address: '127.0.0.1', port: 1 }]),
      now: Date.now,
    });
    await assert.rejects(
      nowhere.add(value, signal),
      /cannot be updated: 127\.0\.0\.1:1 cannot be reached \(ECONNREFUSED\)/,
    );
  });
});
