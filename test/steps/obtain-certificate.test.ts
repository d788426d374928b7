import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { problem } from '../acme/scripted-ca.ts';
import { day, hour, minute, now } from '../machines/builders.ts';
import { Ordering } from './ordering.ts';

const tooMany = 'too many new orders (300) from this account in the last 3h0m0s, retry after 1 h';
let ordering: Ordering;

beforeEach(async () => {
  ordering = await Ordering.start();
});
afterEach(() => ordering.stop());

describe('an order is counted', () => {
  it('with its certificate when there is one', async () => {
    assert.equal(await ordering.run(), undefined);
    assert.deepEqual(ordering.spent(), { orders: 1, certificates: 1 });
  });

  for (const [what, order] of [
    ['for other names', { identifiers: [{ type: 'dns', value: 'b.example' }] }],
    ['that is invalid', { status: 'invalid' }],
    ['that somebody else finalized', { status: 'valid' }],
  ] as const) {
    it(`also when the CA hands back one ${what}`, async () => {
      ordering.orderIs(order);
      const failure = await ordering.run();
      assert.equal(failure?.orderMade, true);
      assert.deepEqual(ordering.spent(), { orders: 1, certificates: 0 });
    });
  }

  it('not when the CA refuses to make one', async () => {
    ordering.ca.scripts.set('/new-order', () => problem(400, 'malformed', 'No such order.'));
    const failure = await ordering.run();
    assert.equal(failure?.orderMade, undefined);
    assert.deepEqual(ordering.spent(), { orders: 0, certificates: 0 });
  });

  it('with a certificate when the round ends after it was finalized and before anything came back', async () => {
    const ending = new AbortController();
    ordering.ca.scripts.set('/finalize', () => {
      ending.abort(new Error('the Ingress has changed'));
      return 'silence';
    });
    await ordering.run({}, ending.signal);
    assert.deepEqual(ordering.spent(), { orders: 1, certificates: 1 });
  });

  it('without a certificate when the CA refuses to finalize it', async () => {
    ordering.ca.scripts.set('/finalize', () => problem(403, 'caa', 'CAA forbids it.'));
    await ordering.run();
    assert.deepEqual(ordering.spent(), { orders: 1, certificates: 0 });
  });

  it('without a certificate when it becomes invalid after its finalization', async () => {
    ordering.ca.scripts.set('/order', () => ({ body: ordering.ca.order({ status: 'invalid' }) }));
    await ordering.run();
    assert.deepEqual(ordering.spent(), { orders: 1, certificates: 0 });
  });
});

describe('a limit of the CA', () => {
  for (const endpoint of ['/new-order', '/challenge', '/authz', '/finalize']) {
    it(`is learned from a refusal of ${endpoint}, and written at once`, async () => {
      const refusal = problem(429, 'rateLimited', tooMany, { 'retry-after': '3600' });
      ordering.ca.scripts.set(endpoint, () => refusal);
      const failure = await ordering.run();
      assert.equal(failure?.code, 'RateLimited');
      const wait = (ordering.ledger.accountBlockedUntil(now) ?? now) - now;
      assert.equal(wait, 3_600_000);
      assert.ok(ordering.written.includes('at once'));
    });
  }

  for (const [what, refusal] of [
    ['an order that is not right', problem(400, 'malformed', 'No such order.')],
    ['a CA that does not say how long it is busy', problem(503, 'serverInternal', 'Busy.')],
  ] as const) {
    it(`is written at once, and ${what} is not`, async () => {
      ordering.ca.scripts.set('/new-order', () => refusal);
      await ordering.run();
      assert.deepEqual(ordering.written, ['in a while']);
    });
  }
});

describe('the next attempt after a refusal', () => {
  const paused = 'Your account is temporarily prevented from requesting certificates for web.example.com.';
  for (const [what, detail, headers, wait] of [
    ['when the CA says', tooMany, { 'retry-after': '3600' }, hour],
    ['after the pause of a limit of which it does not', 'Too many of something.', {}, minute],
    ['after a day where the CA has paused the name', paused, {}, day],
    ['likewise, whatever shorter time it gives for that', paused, { 'retry-after': '7200' }, 2 * hour],
  ] as const) {
    it(`is ${what}: until then nothing is sent`, async () => {
      ordering.ca.scripts.set('/new-order', () => problem(429, 'rateLimited', detail, headers));
      const failure = await ordering.run();
      const waits = (failure?.retryAt ?? now) - now;
      assert.ok(Math.abs(waits - wait) <= 2000, `${waits} ms`);
      assert.equal(failure?.held, undefined, 'the CA was asked');
    });
  }
});

describe('a CA that is busy', () => {
  it('has the wait that it asks for written at once', async () => {
    const busy = problem(503, 'rateLimited', 'Service busy; retry later.', { 'retry-after': '600' });
    ordering.ca.scripts.set('/new-order', () => busy);
    await ordering.run();
    assert.equal(ordering.ledger.unavailableUntil(now), now + 600_000);
    assert.deepEqual(ordering.written, ['at once', 'in a while']);
  });
});

describe('an order that says what it replaces', () => {
  const renewal = {
    reason: 'near-expiry',
    predecessor: { id: 'aki.serial', window: undefined, otherwise: 'none' },
  } as const;

  beforeEach(() => {
    const { ca } = ordering;
    const directory = ca.scripts.get('/directory');
    ca.scripts.set('/directory', (received, times) => {
      const reply = directory?.(received, times);
      if (typeof reply !== 'object' || typeof reply.body !== 'object') return reply;
      return { ...reply, body: { ...reply.body, renewalInfo: ca.url('/renewal-info') } };
    });
  });

  for (const [type, status] of [
    ['alreadyReplaced', 409],
    ['malformed', 404],
    ['unauthorized', 403],
    ['serverRefusesForNoReason', 400],
  ] as const) {
    it(`is made once more without that when it is refused as ${type}`, async () => {
      const made = ordering.ca.scripts.get('/new-order');
      ordering.ca.scripts.set('/new-order', (received, times) =>
        'replaces' in Object(received.payload)
          ? problem(status, type, 'Could not validate it.')
          : made?.(received, times),
      );
      assert.equal(await ordering.run(renewal), undefined);
      assert.equal(ordering.ca.count('/new-order'), 2);
    });
  }

  for (const [type, status] of [
    ['rateLimited', 429],
    ['rejectedIdentifier', 400],
    ['userActionRequired', 403],
    ['serverInternal', 500],
  ] as const) {
    it(`is not made once more when it is refused as ${type}`, async () => {
      ordering.ca.scripts.set('/new-order', () => problem(status, type, 'No.'));
      assert.notEqual(await ordering.run(renewal), undefined);
      assert.equal(ordering.ca.count('/new-order'), 1);
    });
  }

  it('is made without that after the CA has failed over it, also if an attempt between has asked for none', async () => {
    const made = ordering.ca.scripts.get('/new-order');
    const said: boolean[] = [];
    ordering.ca.scripts.set('/new-order', (received, times) => {
      const replaces = 'replaces' in Object(received.payload);
      said.push(replaces);
      return replaces ? problem(500, 'serverInternal', 'No order for it.') : made?.(received, times);
    });
    assert.equal((await ordering.run(renewal))?.code, 'CaUnavailable');
    ordering.writing = Promise.reject(new Error('the ledger cannot be written'));
    assert.notEqual(await ordering.run(renewal), undefined);
    assert.deepEqual(said, [true]);
    ordering.writing = Promise.resolve();
    assert.equal(await ordering.run(renewal), undefined);
    assert.deepEqual(said, [true, false]);
  });
});
