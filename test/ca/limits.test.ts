import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BlockScope, type LearnedBlock, readBlock } from '../../machines/ledger/learned-block.ts';
import { answered, refusal } from '../../src/acme/transport/answer.ts';
import type { AcmeProblem } from '../../src/acme/transport/problem.ts';
import { Client, type Reply, start, startCa } from './client.ts';
import { type CaLimit, type CaLimitRule, letsEncryptLimits } from './limit-rules.ts';
import type { CaOptions } from './options.ts';

const hour = 3_600_000;
const day = 24 * hour;

/** The refusal as our client reads it. */
function problemOf({ body, headers, status }: Reply): AcmeProblem {
  const answer = { status, headers, text: body };
  return refusal(answered('new-order', 'https://ca.test/new-order', answer, start));
}

/** What our client learns of it. */
function learned(reply: Reply): LearnedBlock {
  const { detail, retryAfter, type } = problemOf(reply);
  return readBlock({ type, detail, retryAfter }) ?? assert.fail(`${detail} teaches nothing`);
}

function limited(limit: CaLimit, rule: Partial<CaLimitRule> = {}): Partial<CaOptions> {
  return { limits: { [limit]: { ...letsEncryptLimits[limit], ...rule } } };
}

/** @param wait milliseconds until there is room again */
function assertBlock(reply: Reply, cause: LearnedBlock['cause'], scope: BlockScope, wait: number): void {
  assert.deepEqual([reply.status, reply.problem], [429, 'rateLimited'], reply.detail);
  const block = learned(reply);
  assert.deepEqual([block.cause, block.scope], [cause, scope]);
  const { retryAfter = 0 } = block;
  assert.ok(retryAfter >= wait && retryAfter <= wait * 1.03 + 1000, `${retryAfter} of ${wait} ms`);
  // Without the header, the words say the same to the second.
  const words = problemOf({ ...reply, headers: { date: new Date(start).toUTCString() } });
  assert.ok(Math.abs((words.retryAfter ?? 0) - retryAfter) <= 1000);
  assert.equal(reply.headers['retry-after'], String(retryAfter / 1000));
}

describe('a limit of the CA, as our client learns it', () => {
  it('new orders of an account: all of its orders wait', async () => {
    const { client } = await startCa(limited('orders', { burst: 2 }));
    for (const host of ['a.example.com', 'b.example.com'])
      assert.equal((await client.order([host])).status, 201);
    const reply = await client.order(['c.example.com']);
    assertBlock(reply, 'orders-per-account', { type: 'account' }, 1.5 * hour);
  });

  it('registrations from an address', async () => {
    const { ca } = await startCa(limited('registrations', { burst: 1 }));
    assertBlock(await new Client(ca).register(), 'blocked', { type: 'account' }, 3 * hour);
  });

  it('certificates of a registered domain, by the public suffix list, as they are issued', async () => {
    const { client } = await startCa(limited('certificates-per-domain', { burst: 1 }));
    assert.equal((await client.issue(['a.example.co.uk'])).json['status'], 'valid');
    const reply = await client.order(['other.example.com', 'b.example.co.uk']);
    const scope = { type: 'registered-domain', name: 'example.co.uk' } as const;
    assertBlock(reply, 'certificates-per-registered-domain', scope, 7 * day);
    assert.equal((await client.order(['other.co.uk'])).status, 201);
  });

  it('certificates of an exact set, renewals too', async () => {
    const { client } = await startCa(limited('certificates-per-set', { burst: 2 }));
    const hosts = ['a.example.com', 'b.example.com'];
    for (let times = 0; times < 2; times += 1) assert.equal((await client.issue(hosts)).status, 200);
    assertBlock(
      await client.order(hosts.toReversed()),
      'certificates-per-exact-set',
      { type: 'order' },
      3.5 * day,
    );
    assert.equal((await client.order(['a.example.com'])).status, 201);
  });

  it('failed authorizations of a name', async () => {
    const { client, findings } = await startCa(limited('failed-authorizations', { burst: 2 }));
    findings.set('bad.example.com', 'dns');
    for (let times = 0; times < 2; times += 1) await client.issue(['bad.example.com']);
    const reply = await client.order(['good.example.com', 'bad.example.com']);
    const scope = { type: 'identifiers', names: ['bad.example.com'] } as const;
    assertBlock(reply, 'authorization-failures', scope, hour / 2);
    assert.equal((await client.order(['good.example.com'])).status, 201);
  });

  it('of several, the one that ends last', async () => {
    const { client } = await startCa({
      limits: {
        orders: { burst: 1, period: 3 * hour },
        'certificates-per-set': { burst: 1, period: 7 * day },
      },
    });
    await client.issue(['a.example.com']);
    assertBlock(
      await client.order(['a.example.com']),
      'certificates-per-exact-set',
      { type: 'order' },
      7 * day,
    );
  });

  it('is over at the moment that the client was told, not a minute before, and tells of a client that did not wait', async () => {
    const early: boolean[] = [];
    const { client, clock } = await startCa({
      ...limited('orders', { burst: 1 }),
      onEvent: (event) => void (event.type === 'denied' && early.push(event.early)),
    });
    await client.order(['a.example.com']);
    const { retryAfter = 0 } = learned(await client.order(['b.example.com']));
    clock.now += 3 * hour - 60_000;
    assert.equal((await client.order(['b.example.com'])).status, 429);
    clock.now = start + retryAfter;
    assert.equal((await client.order(['b.example.com'])).status, 201);
    assert.deepEqual(early, [false, true]);
  });

  it('runs on a scaled clock', async () => {
    const { client, clock } = await startCa({ ...limited('orders', { burst: 1 }), limitSpeed: 3600 });
    await client.order(['a.example.com']);
    assertBlock(await client.order(['b.example.com']), 'orders-per-account', { type: 'account' }, 3000);
    clock.now += 3000;
    assert.equal((await client.order(['b.example.com'])).status, 201);
  });

  it('of orders and domains does not hold for the same set again', async () => {
    const { client } = await startCa({
      limits: {
        orders: { burst: 1, period: 3 * hour },
        'certificates-per-domain': { burst: 1, period: 7 * day },
      },
    });
    for (let times = 0; times < 3; times += 1)
      assert.equal((await client.issue(['a.example.com'])).json['status'], 'valid');
  });

  it('is not spent by an order that is refused', async () => {
    const { client } = await startCa(limited('orders', { burst: 1 }));
    assert.equal((await client.order(['localhost'])).problem, 'rejectedIdentifier');
    assert.equal((await client.order(['a.example.com'])).status, 201);
  });
});

describe('a name that fails again and again', () => {
  const options = limited('consecutive-failures', { burst: 3 });

  it('is paused, without a Retry-After, until a person follows the link', async () => {
    const { client, findings } = await startCa(options);
    findings.set('bad.example.com', 'connection');
    for (let times = 0; times < 3; times += 1) await client.issue(['bad.example.com']);
    findings.clear();
    const reply = await client.order(['good.example.com', 'bad.example.com']);
    assert.deepEqual(
      [reply.status, reply.problem, reply.headers['retry-after']],
      [429, 'rateLimited', undefined],
    );
    const scope = { type: 'identifiers', names: ['bad.example.com'] };
    assert.deepEqual(learned(reply), { cause: 'paused', scope, retryAfter: undefined });
    const { message, unpauseUrl = '' } = problemOf(reply);
    assert.doesNotMatch(message, /jwt=/);
    assert.equal((await client.order(['good.example.com'])).status, 201);

    assert.equal((await client.get(`${unpauseUrl}x`, { method: 'POST' })).problem, 'malformed');
    assert.match((await client.get(unpauseUrl)).body, /unpause/);
    assert.equal((await client.order(['bad.example.com'])).status, 429);
    assert.match((await client.get(unpauseUrl, { method: 'POST' })).body, /Unpaused 1/);
    assert.equal((await client.issue(['bad.example.com'])).json['status'], 'valid');
  });

  it('is not paused if it succeeds in between', async () => {
    const { client, findings } = await startCa({ ...options, authorizationReuse: false });
    for (const finding of ['dns', 'dns', 'ok', 'dns', 'dns'] as const) {
      findings.set('a.example.com', finding);
      await client.issue(['a.example.com']);
    }
    assert.equal((await client.order(['a.example.com'])).status, 201);
  });
});
