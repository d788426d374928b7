import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { createLedger, LedgerKeeper, type LedgerStore } from '../../src/ledger/ledger-keeper.ts';
import { SharedDocuments } from '../ownership/shared-documents.ts';
import { ManualClock } from '../time/manual-clock.ts';
import { MemoryLedgerStore } from './memory-ledger-store.ts';

const directory = 'https://ca.example.com/directory';
const day = 24 * 60 * 60_000;
const limits = { 'orders-per-account': { burst: 20, period: day } };

function order(host: string): OrderRequest {
  return { identifiers: [host], purpose: 'first', exemption: 'none' };
}

function start(store: LedgerStore, clock: ManualClock, rateLimits: RateLimits = { limits, reserve: 0 }) {
  const ledger = createLedger(rateLimits, directory);
  const ending = new AbortController();
  const troubles: unknown[] = [];
  const onTrouble = (trouble: unknown): void => void troubles.push(trouble);
  const keeper = new LedgerKeeper({ ledger, store, clock, signal: ending.signal, onTrouble });
  return { ledger, keeper, ending, troubles };
}

function issue(ledger: ReturnType<typeof createLedger>, host: string, clock: ManualClock): void {
  ledger.orderCreated(order(host), clock.now());
  ledger.certificateIssued(order(host), clock.now());
}

/** How many orders may be made at once. */
function roomIn(ledger: ReturnType<typeof createLedger>, now: number): number {
  return ledger.forecast(now)[0]?.level ?? limits['orders-per-account'].burst;
}

describe('the keeper of the ledger', () => {
  it('says that what has changed is written when it is, and not when only what came before is', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const { ledger, keeper } = start(store, clock);
    const { promise, resolve } = Promise.withResolvers<void>();
    store.delay = promise;
    issue(ledger, 'a.example.com', clock);
    keeper.refused();
    await setImmediate();
    issue(ledger, 'b.example.com', clock);
    let written = false;
    const both = keeper.written().then(() => {
      written = true;
    });
    clock.advance(3000);
    await setImmediate();
    assert.equal(written, false);
    resolve();
    await both;
    const next = start(store, clock);
    await next.keeper.restore();
    assert.equal(roomIn(next.ledger, clock.now()), 18);
  });

  it('says it late while that cannot be written', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const { ledger, keeper } = start(store, clock);
    issue(ledger, 'a.example.com', clock);
    store.refusal = new Error('the API server is away');
    let written = false;
    const all = keeper.written().then(() => {
      written = true;
    });
    clock.advance(3000);
    await setImmediate();
    issue(ledger, 'b.example.com', clock);
    const later = keeper.written();
    store.refusal = undefined;
    assert.equal(written, false);
    clock.advance(6000);
    await Promise.all([all, later]);
    assert.equal(store.writes, 1);
  });

  it('reads again until it could read, and then knows what was spent', async () => {
    const [store, clock] = [new MemoryLedgerStore(), new ManualClock()];
    const first = start(store, clock);
    issue(first.ledger, 'www.example.com', clock);
    await first.keeper.drain();
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
      issue(ledger, host, clock);
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
    issue(ledger, 'www.example.com', clock);
    keeper.changed();
    await keeper.drain();
    ending.abort();
    assert.equal(store.documents.size, 1);
  });
});

describe('a ledger that two processes write', () => {
  const wide = {
    limits: { ...limits, 'consecutive-authorization-failures': { burst: 3, period: day } },
    reserve: 0,
  };
  const paused = { cause: 'paused', scope: { type: 'identifiers', names: ['a.example.com'] } } as const;
  const both = async () => {
    const [documents, clock] = [new SharedDocuments(), new ManualClock()];
    const former = start(documents.open(), clock, wide);
    await former.keeper.restore();
    issue(former.ledger, 'a.example.com', clock);
    former.ledger.learn({ ...paused, retryAfter: undefined }, order('a.example.com'), clock.now());
    await former.keeper.drain();
    const next = start(documents.open(), clock, wide);
    await next.keeper.restore();
    const read = async () => {
      const reader = start(documents.open(), clock, wide);
      await reader.keeper.restore();
      return reader.ledger;
    };
    return { documents, clock, former, next, read };
  };

  it('keeps what both have spent, whoever writes last', async () => {
    const { documents, clock, former, next, read } = await both();
    issue(next.ledger, 'b.example.com', clock);
    issue(next.ledger, 'c.example.com', clock);
    await next.keeper.drain();
    const writes = documents.writes;
    issue(former.ledger, 'd.example.com', clock);
    await former.keeper.drain();
    assert.equal(documents.writes, writes + 2, 'once in vain, once after reading');
    assert.deepEqual(former.troubles, []);
    // A bucket that both have taken from is as empty as the emptier one.
    assert.equal(roomIn(await read(), clock.now()), 17);
    issue(next.ledger, 'e.example.com', clock);
    await next.keeper.drain();
    assert.equal(roomIn(await read(), clock.now()), 16);
  });

  it('keeps the refusal that lasts longer', async () => {
    const { clock, former, next, read } = await both();
    const refuse = ({ ledger }: typeof former, retryAfter: number): void =>
      ledger.learn(
        { cause: 'blocked', scope: { type: 'account' }, retryAfter },
        order('a.example.com'),
        clock.now(),
      );
    refuse(next, 3_600_000);
    await next.keeper.drain();
    refuse(former, 60_000);
    await former.keeper.drain();
    const until = (await read()).refusal(order('z.example.com'), clock.now())?.until ?? 0;
    assert.ok(until >= clock.now() + 3_600_000);
  });

  it('does not bring back a pause that was lifted', async () => {
    const { clock, former, next, read } = await both();
    assert.notEqual(next.ledger.refusal(order('a.example.com'), clock.now()), undefined);
    issue(former.ledger, 'b.example.com', clock);
    await former.keeper.drain();
    next.ledger.liftPause(['a.example.com']);
    await next.keeper.drain();
    assert.equal((await read()).refusal(order('a.example.com'), clock.now()), undefined);
    // What is learned later holds.
    next.ledger.learn({ ...paused, retryAfter: undefined }, order('a.example.com'), clock.now());
    await next.keeper.drain();
    assert.notEqual((await read()).refusal(order('a.example.com'), clock.now()), undefined);
  });

  it('keeps what is reserved when it reads what another process has written', async () => {
    const { clock, former, next } = await both();
    issue(next.ledger, 'b.example.com', clock);
    await next.keeper.drain();
    former.ledger.orderCreated(order('c.example.com'), clock.now());
    issue(former.ledger, 'd.example.com', clock);
    await former.keeper.drain();
    assert.equal(roomIn(former.ledger, clock.now()), 17);
    const scopes = former.ledger.forecast(clock.now()).map(({ scope }) => scope);
    assert.deepEqual(scopes, ['this account']);
  });

  it('writes again what somebody has deleted meanwhile', async () => {
    const { documents, clock, next, read } = await both();
    documents.put(0, undefined);
    issue(next.ledger, 'b.example.com', clock);
    await next.keeper.drain();
    assert.equal(roomIn(await read(), clock.now()), 18);
  });

  it('is forgotten to be damaged when somebody deletes the damaged document', async () => {
    const [documents, clock] = [new SharedDocuments(), new ManualClock()];
    documents.put(0, 'no JSON');
    const { ledger, keeper, troubles } = start(documents.open(), clock, wide);
    await keeper.restore();
    assert.match(String(troubles), /^Document 0 of the rate-limit ledger is not JSON/);
    assert.equal(ledger.hold(order('a.example.com'), clock.now())?.cause, 'damaged');
    documents.put(0, undefined);
    await keeper.drain();
    assert.equal(ledger.hold(order('a.example.com'), clock.now()), undefined);
    assert.equal(documents.texts.size, 0);
  });
});
