import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arrayField, stringField } from '../../src/process/json.ts';
import { type Client, type Reply, startCa } from './client.ts';
import type { CaEndpoint } from './exchange.ts';
import { badGateway, busy, internalError, unavailable } from './faults.ts';

const host = 'a.example.com';

/** Asks this endpoint. */
async function visit(client: Client, endpoint: CaEndpoint): Promise<Reply> {
  const { ca } = client;
  if (endpoint === 'directory') return client.get(ca.directoryUrl);
  if (endpoint === 'new-nonce') return client.get(`${ca.origin}/new-nonce`);
  if (endpoint === 'renewal-info') return client.get(`${ca.origin}/renewal-info/AA.BB`);
  if (endpoint === 'new-account') return client.post(`${ca.origin}/new-account`, {});
  if (endpoint === 'account') return client.post(client.account);
  if (endpoint === 'new-order') return client.order(['other.example.com']);
  const order = await client.order([host]);
  const authorization = String(arrayField(order.json, 'authorizations')[0]);
  if (endpoint === 'order') return client.post(order.headers['location'] ?? '');
  if (endpoint === 'authorization') return client.post(authorization);
  const number = authorization.split('/').at(-1) ?? '';
  if (endpoint === 'challenge') return client.post(`${ca.origin}/challenge/${number}/http-01`, {});
  return client.post(`${ca.origin}/${endpoint}/1`, {});
}

const endpoints: readonly CaEndpoint[] = [
  'directory',
  'new-nonce',
  'new-account',
  'account',
  'new-order',
  'order',
  'authorization',
  'challenge',
  'finalize',
  'certificate',
  'revoke-cert',
  'key-change',
  'renewal-info',
];

describe('what goes wrong as a test says', () => {
  for (const endpoint of endpoints)
    it(`at ${endpoint}: errors of the CA and of what stands before it, a reset, half a body, silence`, async () => {
      const { ca, client } = await startCa();
      const faults = [internalError(), badGateway(), unavailable(30), busy(undefined)];
      ca.faults.next(endpoint, ...faults, 'reset', 'half', 'silence');
      const replies: Reply[] = [];
      const { account } = client;
      for (let times = 0; times < 7; times += 1) {
        client.account = endpoint === 'new-account' ? '' : account;
        replies.push(await visit(client, endpoint));
      }
      assert.deepEqual(statuses(replies).slice(0, 4), [500, 502, 503, 503]);
      assert.deepEqual(
        replies.slice(4).map(({ broken }) => broken),
        ['reset', 'half', 'silence'],
      );
      assert.equal((await visit(client, endpoint)).broken, undefined);
    });

  it('comes with the words, types and headers of the real ones', async () => {
    const { ca, client } = await startCa();
    ca.faults.next('new-order', internalError(), badGateway(), unavailable(30), busy(7));
    const [internal, gateway, away, shed] = [
      await client.order([host]),
      await client.order([host]),
      await client.order([host]),
      await client.order([host]),
    ];
    assert.deepEqual([internal.problem, internal.headers['retry-after']], ['serverInternal', '60']);
    assert.deepEqual([gateway.headers['content-type'], gateway.problem], ['text/html', '']);
    assert.deepEqual([away.headers['retry-after'], away.problem], ['30', '']);
    assert.deepEqual([shed.problem, shed.detail], ['rateLimited', 'Service busy; retry later.']);
    // None of them was an order.
    assert.match((await client.order([host])).headers['location'] ?? '', /\/order\/1$/);
  });

  it('at any endpoint while a script says so', async () => {
    const { ca, client } = await startCa();
    ca.faults.script('all', (_request, times) => (times % 2 === 0 ? 'reset' : undefined));
    const replies = [];
    for (let times = 0; times < 4; times += 1) replies.push(await client.get(ca.directoryUrl));
    assert.deepEqual(
      replies.map(({ broken }) => broken),
      [undefined, 'reset', undefined, 'reset'],
    );
    ca.faults.clear();
    assert.equal((await client.order([host])).status, 201);
    assert.equal(ca.faults.times('directory'), 4);
  });
});

describe('an answer that is lost on the way', () => {
  it('of a new order: asked again it is the same order, or another where orders are not used again', async () => {
    for (const orderReuse of [true, false]) {
      const { ca, client } = await startCa({ orderReuse });
      ca.faults.next('new-order', 'lost');
      const lost = await client.order([host]);
      assert.equal(lost.broken, 'reset');
      const again = await client.order([host]);
      assert.equal(again.headers['location'] === lost.headers['location'], orderReuse);
    }
  });

  it('of a challenge and of the finalization: what was asked for has happened', async () => {
    const { ca, client } = await startCa();
    const order = await client.order([host]);
    ca.faults.next('challenge', 'lost');
    ca.faults.next('finalize', 'lost');
    await client.prove(order);
    assert.equal((await client.finalize(order, [host])).broken, 'reset');
    assert.equal((await client.post(order.headers['location'] ?? '')).json['status'], 'valid');
  });
});

describe('the order flow of other CAs', () => {
  it('uses no order again that is ready no more, was for another profile, or has failed', async () => {
    const { client, findings } = await startCa();
    const first = await client.order(['b.example.com', host]);
    assert.equal(
      (await client.order([host, 'b.example.com'])).headers['location'],
      first.headers['location'],
    );
    const short = await client.order([host, 'b.example.com'], { profile: 'shortlived' });
    assert.notEqual(short.headers['location'], first.headers['location']);
    findings.set(host, 'dns');
    await client.prove(first);
    const next = await client.order(['b.example.com', host]);
    assert.notEqual(next.headers['location'], first.headers['location']);
  });

  it('uses proofs again while they are good, unless it is told not to', async () => {
    for (const authorizationReuse of [true, false]) {
      const { client, clock } = await startCa({ authorizationReuse });
      await client.issue([host]);
      assert.equal((await client.order([host])).json['status'], authorizationReuse ? 'ready' : 'pending');
      clock.now += 31 * 86_400_000;
      assert.equal((await client.order([host])).json['status'], 'pending');
    }
  });

  it('takes its time, with a Retry-After, and a replica that lags says ready still', async () => {
    const { client, clock } = await startCa({
      lagging: 2,
      issuanceTime: () => 5000,
      pollAfter: { order: 3 },
    });
    const done = await client.issue([host]);
    const url = done.headers['location'] ?? '';
    const second = await client.post(url);
    const third = await client.post(url);
    assert.deepEqual(
      [done, second, third].map(({ json }) => json['status']),
      ['ready', 'ready', 'processing'],
    );
    assert.equal(third.headers['retry-after'], '3');
    clock.now += 5000;
    const last = await client.post(url);
    assert.ok(stringField(last.json, 'certificate') !== undefined);
  });

  it('leaves a challenge pending with its error, to be answered again, as step-ca does', async () => {
    const { client, findings } = await startCa({ failedChallenge: 'pending' });
    findings.set(host, 'connection');
    const order = await client.order([host]);
    await client.prove(order);
    const authorization = await client.post(String(arrayField(order.json, 'authorizations')[0]));
    assert.equal(authorization.json['status'], 'pending');
    assert.match(JSON.stringify(authorization.json), /error:connection/);
    findings.clear();
    await client.prove(order);
    assert.equal((await client.finalize(order, [host])).json['status'], 'valid');
  });
});

function statuses(replies: readonly Reply[]): number[] {
  return replies.map(({ status }) => status);
}
