import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { OrderRequest } from '../../machines/order-limits.ts';
import { createLedger, LedgerKeeper } from '../../src/ledger-keeper.ts';
import { ManualClock } from '../kubernetes/manual-clock.ts';

const directory = 'https://ca.example.com/directory';
const day = 24 * 60 * 60_000;
const limits = { 'orders-per-account': { burst: 20, period: day } };

function order(host: string): OrderRequest {
  return { identifiers: [host], purpose: 'first', exemption: 'none' };
}

/** Documents in memory; it can be told to refuse. */
class Store {
  readonly documents = new Map<number, string>();
  writes = 0;
  refusal: Error | undefined;

  async read(): Promise<ReadonlyMap<number, string>> {
    if (this.refusal !== undefined) throw this.refusal;
    return new Map(this.documents);
  }

  async write(shard: number, text: string | undefined): Promise<void> {
    if (this.refusal !== undefined) throw this.refusal;
    this.writes += 1;
    if (text === undefined) this.documents.delete(shard);
    else this.documents.set(shard, text);
  }
}

function start(store: Store, clock: ManualClock) {
  const ledger = createLedger({ limits, reserve: 0 }, directory);
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
    const [store, clock] = [new Store(), new ManualClock()];
    const { ledger, keeper, ending } = start(store, clock);
    for (let made = 1; made <= 5; made += 1) {
      ledger.orderCreated(order(`host${made}.example.com`), clock.now());
      await keeper.cover(ending.signal);
      const next = start(store, clock);
      await next.keeper.restore();
      assert.ok(roomIn(next.ledger, clock.now()) <= roomIn(ledger, clock.now()), `after ${made} orders`);
    }
    assert.ok(store.writes < 5, 'some orders are covered by one writing');
  });

  it('makes no order while that cannot be written', async () => {
    const [store, clock] = [new Store(), new ManualClock()];
    const { ledger, keeper, ending } = start(store, clock);
    ledger.orderCreated(order('www.example.com'), clock.now());
    store.refusal = new Error('the API server is away');
    await assert.rejects(keeper.cover(ending.signal), store.refusal);
    store.refusal = undefined;
    await keeper.cover(ending.signal);
    assert.equal(store.documents.size, 1);
  });

  it('reads again until it could read, and then knows what was spent', async () => {
    const [store, clock] = [new Store(), new ManualClock()];
    const first = start(store, clock);
    first.ledger.orderCreated(order('www.example.com'), clock.now());
    await first.keeper.cover(first.ending.signal);
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
    const [store, clock] = [new Store(), new ManualClock()];
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
    const [store, clock] = [new Store(), new ManualClock()];
    const { ledger, keeper } = start(store, clock);
    const scope = { type: 'account' } as const;
    ledger.learn({ cause: 'blocked', scope, retryAfter: day }, order('www.example.com'), clock.now());
    keeper.refused();
    await setImmediate();
    const next = start(store, clock);
    await next.keeper.restore();
    assert.equal(next.ledger.refusal(order('other.example.com'), clock.now())?.until, clock.now() + day);
  });

  it('writes the rest when the process ends', async () => {
    const [store, clock] = [new Store(), new ManualClock()];
    const { ledger, keeper, ending } = start(store, clock);
    ledger.orderCreated(order('www.example.com'), clock.now());
    keeper.changed();
    await keeper.drain();
    ending.abort();
    assert.equal(store.documents.size, 1);
  });
});
