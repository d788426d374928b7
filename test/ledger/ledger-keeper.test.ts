import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import { presetLimits, type RateLimits } from '../../machines/ledger/rate-limits.ts';
import { createLedger, LedgerKeeper } from '../../src/ledger/ledger-keeper.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { MemoryLedgerStore } from './memory-ledger-store.ts';

const directory = 'https://ca.example.com/directory';
const day = 24 * 60 * 60_000;
const letsEncrypt = presetLimits('https://acme-v02.api.letsencrypt.org/directory');
const limits = { 'orders-per-account': { burst: 20, period: day } };

function order(host: string): OrderRequest {
  return { identifiers: [host], purpose: 'first', exemption: 'none' };
}

function start(
  store: MemoryLedgerStore,
  clock: ManualClock,
  rateLimits: RateLimits = { limits, reserve: 0 },
) {
  const ledger = createLedger(rateLimits, directory);
  const ending = new AbortController();
  const troubles: unknown[] = [];
  const onTrouble = (trouble: unknown): void => void troubles.push(trouble);
  const keeper = new LedgerKeeper({ ledger, store, clock, signal: ending.signal, onTrouble });
  return { ledger, keeper, ending, troubles };
}

/** How many orders may be made at once. */
function roomIn(ledger: ReturnType<typeof createLedger>, now: number): number {
  return ledger.forecast(now)[0]?.level ?? limits['orders-per-account'].burst;
}

describe('the keeper of the ledger', () => {
  it('has written before an order is made that it may have been: a crash forgets none', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const { ledger, keeper, ending } = start(store, clock);
    for (let made = 1; made <= 5; made += 1) {
      ledger.orderCreated(order(`host${made}.example.com`), clock.now());
      await keeper.coverOrder(ending.signal);
      const next = start(store, clock);
      await next.keeper.restore();
      assert.ok(roomIn(next.ledger, clock.now()) <= roomIn(ledger, clock.now()), `after ${made} orders`);
    }
    assert.ok(store.writes < 5, 'some orders are covered by one writing');
  });

  it('lets no order go before the writing that covers it has ended', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const { ledger, keeper, ending } = start(store, clock);
    const { promise, resolve } = Promise.withResolvers<void>();
    store.delay = promise;
    const covered: string[] = [];
    const covers = ['a.example.com', 'b.example.com'].map((host) => {
      ledger.orderCreated(order(host), clock.now());
      return keeper.coverOrder(ending.signal).then(() => covered.push(host));
    });
    await setImmediate();
    assert.deepEqual(covered, []);
    resolve();
    await Promise.all(covers);
    assert.equal(store.writes, 1, 'which covers both');
  });

  it('forgets no certificate by a crash, however often there is one right after an issuance', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const wanted = order('www.example.com');
    let issued = 0;
    for (let run = 0; run < 8; run += 1) {
      const { ledger, keeper, ending } = start(store, clock, letsEncrypt);
      await keeper.restore();
      // The order of somebody else has covered the next ones.
      ledger.orderCreated(order('www.example.org'), clock.now());
      await keeper.coverOrder(ending.signal);
      if (ledger.hold(wanted, clock.now()) !== undefined) break;
      ledger.orderCreated(wanted, clock.now());
      await keeper.coverOrder(ending.signal);
      await keeper.coverCertificate(wanted, ending.signal);
      ledger.certificateIssued(wanted, clock.now());
      issued += 1;
      ending.abort();
    }
    assert.equal(
      issued,
      3,
      'of five, of which one is kept for renewals and one may be counted later than it was written',
    );
  });

  it('writes the certificates of all orders that come to that together at once, and none where nothing counts them', async () => {
    const hosts = Array.from({ length: 200 }, (_, index) => `www${index}.example.com`);
    for (const counted of [true, false]) {
      const store = new MemoryLedgerStore();
      const url = counted ? 'https://acme-v02.api.letsencrypt.org/directory' : directory;
      const { ledger, keeper, ending } = start(store, new ManualClock(), presetLimits(url));
      for (const host of hosts) ledger.orderCreated(order(host), 0);
      await Promise.all(hosts.map((host) => keeper.coverCertificate(order(host), ending.signal)));
      assert.equal(store.writes, counted ? 1 : 0);
    }
  });

  it('rides out a moment without the API server before an order is finalized', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const { ledger, keeper, ending } = start(store, clock, letsEncrypt);
    ledger.orderCreated(order('www.example.com'), clock.now());
    store.refusal = new Error('away');
    const covered = keeper.coverCertificate(order('www.example.com'), ending.signal);
    await setImmediate();
    store.refusal = undefined;
    clock.advance(500);
    await covered;
    assert.ok(store.documents.size > 0);
  });

  it('gives up an order that cannot be written down for a quarter of a minute', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const { ledger, keeper, ending } = start(store, clock, letsEncrypt);
    ledger.orderCreated(order('www.example.com'), clock.now());
    store.refusal = new Error('away');
    const covered = assert.rejects(
      keeper.coverCertificate(order('www.example.com'), ending.signal),
      store.refusal,
    );
    for (let wait = 500; wait <= 8000; wait *= 2) {
      await setImmediate();
      clock.advance(wait);
    }
    await covered;
  });

  it('makes no order while that cannot be written', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const { ledger, keeper, ending } = start(store, clock);
    ledger.orderCreated(order('www.example.com'), clock.now());
    store.refusal = new Error('the API server is away');
    await assert.rejects(keeper.coverOrder(ending.signal), store.refusal);
    store.refusal = undefined;
    await keeper.coverOrder(ending.signal);
    assert.equal(store.documents.size, 1);
  });

  it('reads again until it could read, and then knows what was spent', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const first = start(store, clock);
    first.ledger.orderCreated(order('www.example.com'), clock.now());
    await first.keeper.coverOrder(first.ending.signal);
    store.refusal = new Error('the API server is away');
    const { ledger, keeper, troubles } = start(store, clock);
    const restored = keeper.restore();
    await setImmediate();
    assert.deepEqual(troubles, [store.refusal]);
    store.refusal = undefined;
    clock.advance(500);
    await restored;
    assert.ok(roomIn(ledger, clock.now()) < 20);
  });

  it('writes what happens within some seconds together, and again what could not be written', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const { ledger, keeper, troubles } = start(store, clock);
    for (const host of ['a.example.com', 'b.example.com', 'c.example.com']) {
      ledger.orderCreated(order(host), clock.now());
      keeper.changed();
    }
    store.refusal = new Error('the API server is away');
    clock.advance(3000);
    await setImmediate();
    assert.deepEqual(troubles, [store.refusal]);
    store.refusal = undefined;
    clock.advance(6000);
    await setImmediate();
    assert.equal(store.writes, 1);
  });

  it('writes at once what the CA has refused, so that a crash does not ask for it again', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const { ledger, keeper } = start(store, clock);
    const scope = { type: 'account' } as const;
    ledger.learn({ cause: 'blocked', scope, retryAfter: day }, order('www.example.com'), clock.now());
    keeper.refused();
    await setImmediate();
    const next = start(store, clock);
    await next.keeper.restore();
    assert.equal(
      next.ledger.refusal(order('other.example.com'), clock.now())?.until,
      clock.now() + day + 1000,
    );
  });

  it('writes the rest when the process ends', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const { ledger, keeper, ending } = start(store, clock);
    ledger.orderCreated(order('www.example.com'), clock.now());
    keeper.changed();
    await keeper.drain();
    ending.abort();
    assert.equal(store.documents.size, 1);
  });
});
