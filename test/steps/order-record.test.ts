import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { StepError } from '../../machines/reasons/step-error.ts';
import { isFinalized } from '../../src/steps/order-record.ts';
import { problem } from '../acme/scripted-ca.ts';
import { noUnfinishedOrders } from '../journal/memory-journal.ts';
import { certificateInput, desiredCertificate, now, route } from '../machines/builders.ts';
import { eventually } from '../time/eventually.ts';
import { Ordering } from './ordering.ts';

let ordering: Ordering;

beforeEach(async () => {
  ordering = await Ordering.start();
});
afterEach(() => ordering.stop());

/** Runs an order until this path is asked for, and ends the round there. */
async function endedAt(path: string): Promise<void> {
  const ending = new AbortController();
  const usual = ordering.ca.scripts.get(path);
  ordering.ca.scripts.set(path, (received, times) => {
    usual?.(received, times);
    ending.abort(new Error('the process is stopping'));
    return 'silence';
  });
  await ordering.run({}, ending.signal);
  assert.ok(usual);
  ordering.ca.scripts.set(path, usual);
}

const keys = () => ordering.journal.of('shop', 'web-tls').map(({ keyPem }) => keyPem);
const newOrders = () => ordering.ca.count('/new-order');

describe('an order whose round ends', () => {
  for (const path of ['/authz', '/challenge', '/finalize', '/certificate']) {
    it(`at ${path} goes on in the next round with the same key, and is counted once`, async () => {
      await endedAt(path);
      const [key] = keys();
      assert.ok(key);
      assert.equal(await ordering.run(), undefined);
      assert.deepEqual(keys(), [key]);
      assert.equal(newOrders(), 1);
      assert.deepEqual(ordering.spent(), { orders: 1, certificates: 1 });
    });
  }

  it('because the account key is to be changed goes on with the new one, also where the CA never validates', async () => {
    const { account, accountClock, ca } = ordering;
    ca.scripts.set('/authz', () => ({ body: ca.authorization({}) }));
    const stuck = ordering.run();
    await eventually('the CA is asked to validate', () => ca.count('/challenge') > 0);
    const alone = account.alone(new AbortController().signal, () => Promise.resolve('the key is changed'));
    accountClock.advance(300_000);
    assert.equal((await stuck)?.code, 'OrderUnfinished');
    assert.equal(await alone, 'the key is changed');
    const [key] = keys();
    ca.scripts.set('/authz', () => ({ body: ca.authorization({ status: 'valid' }) }));
    assert.equal(await ordering.run(), undefined);
    assert.deepEqual(keys(), [key]);
    assert.equal(newOrders(), 1);
  });

  it('is waited for by a change of the account key, while those that begin leave their slots to it', async () => {
    const { account, ca, slots } = ordering;
    const { signal } = new AbortController();
    const inFlight = Promise.withResolvers<void>();
    const use = account.withAccount(signal, () => inFlight.promise);
    await eventually('it is in flight', () => account.thumbprint() !== undefined);
    const alone = account.alone(signal, () => Promise.resolve());
    const later = ordering.run();
    await eventually('it leaves its slot', () => slots.length > 0);
    assert.deepEqual([slots, ca.count('/new-order')], [['lent'], 0]);
    inFlight.resolve();
    await Promise.all([use, alone]);
    assert.equal(await later, undefined);
    assert.deepEqual(slots, ['lent', 'reclaimed']);
  });

  it('is not asked about before the CA wants it, in no process', async () => {
    const { ca, journal } = ordering;
    const ending = new AbortController();
    ca.scripts.set('/finalize', () => ({
      headers: { 'retry-after': '500' },
      body: ca.order({ status: 'processing' }),
    }));
    const run = ordering.run({}, ending.signal);
    await eventually('the wait is kept', () => journal.of('shop', 'web-tls')[0]?.waitUntil !== undefined);
    ending.abort(new Error('the process is stopping'));
    await run;
    const [entry] = journal.of('shop', 'web-tls');
    assert.ok(entry?.waitUntil !== undefined && entry.waitUntil > Date.now() + 400_000);
    const options = { ...noUnfinishedOrders(), journal };
    const ca2 = { ...options.ca, directoryUrl: ca.directoryUrl };
    const input = certificateInput({ hosts: [route('a.example')] });
    const { signal } = new AbortController();
    await assert.rejects(isFinalized({ ...options, ca: ca2 }, input, signal), (error: StepError) => {
      assert.equal(error.failure.code, 'OrderUnfinished');
      assert.equal(error.failure.retryAt, entry.waitUntil);
      return true;
    });
  });

  it('before the answer of new-order arrives keeps its key: the CA may answer with the same order again', async () => {
    await endedAt('/new-order');
    const [key] = keys();
    assert.ok(key);
    assert.equal(await ordering.run(), undefined);
    assert.deepEqual(keys(), [key]);
    assert.equal(newOrders(), 2);
  });

  it('before that is not asked for again while the CA wants all to wait, as it may say while the ledger is written', async () => {
    await endedAt('/new-order');
    const written = Promise.withResolvers<void>();
    ordering.writing = written.promise;
    const run = ordering.run();
    await eventually('it waits for the ledger', () =>
      ordering.reports.some(({ type }) => type === 'ORDER_REPEATED'),
    );
    ordering.budget.report({ type: 'CA_UNAVAILABLE', id: 'another', retryAfter: 300_000 }, now);
    written.resolve();
    assert.equal((await run)?.code, 'CaUnavailable');
    assert.equal(newOrders(), 1);
    assert.equal(keys().length, 1);
  });

  it('because it cannot be read is not given up', async () => {
    ordering.ca.scripts.set('/certificate', () => problem(429, 'rateLimited', 'slowly'));
    ordering.ca.scripts.set('/finalize', () => problem(503, 'serverInternal', 'away'));
    const ending = new AbortController();
    ordering.ca.scripts.set('/order', () => {
      ending.abort(new Error('enough'));
      return problem(503, 'serverInternal', 'away');
    });
    await ordering.run({}, ending.signal);
    assert.equal(keys().length, 1);
  });

  for (const [what, path, answer] of [
    ['the CA refuses', '/new-order', problem(400, 'rejectedIdentifier', 'never')],
    ['cannot be finalized', '/finalize', problem(400, 'badCSR', 'no')],
  ] as const) {
    it(`because ${what} is over`, async () => {
      ordering.ca.scripts.set(path, () => answer);
      assert.ok(await ordering.run());
      assert.deepEqual(keys(), []);
    });
  }

  it('because a host fails is over, and its key is not used again', async () => {
    ordering.ca.scripts.set('/authz', () => ({ body: ordering.ca.authorization({ status: 'invalid' }) }));
    assert.ok(await ordering.run());
    assert.deepEqual(keys(), []);
  });

  it('gives way to one for other hosts or settings of its Secret', async () => {
    await endedAt('/challenge');
    const [key] = keys();
    const desired = desiredCertificate({ hosts: [route('a.example')], keyType: 'rsa-2048' });
    assert.equal(await ordering.run({ desired }), undefined);
    const others = keys();
    assert.equal(others.length, 1);
    assert.notEqual(others[0], key);
    assert.equal(newOrders(), 2);
  });
});
