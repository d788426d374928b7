import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { presetLimits } from '../../machines/authority/known-cas.ts';
import { OrderBudget } from '../../machines/authority/order-budget.ts';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import { type GatedOrder, OrderGates } from '../../src/authority/order-gates.ts';
import { createLedger } from '../../src/ledger/ledger-keeper.ts';
import { failureOf } from '../../src/steps/failures.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { ManualClock } from '../time/manual-clock.ts';

const directory = 'https://acme-v02.api.letsencrypt.org/directory';
const hour = 60 * 60_000;
const { signal } = new AbortController();

function order(host: string, exemption: OrderRequest['exemption'] = 'none'): OrderRequest {
  return { identifiers: [host], purpose: 'first', exemption };
}

function newTurns(url = directory) {
  const clock = new ManualClock();
  const rateLimits = presetLimits(url);
  const ledger = createLedger(rateLimits, url);
  const budget = new OrderBudget(ledger);
  const gates = new OrderGates({ ledger, budget, rateLimits, clock: aheadOf(clock) });
  const turns = {
    take: (asked: OrderRequest & Pick<GatedOrder, 'planned'>, until: AbortSignal) =>
      gates.beforeOrder({ id: 'round', ...asked }, until),
  };
  return { budget, clock, ledger, turns };
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  promise.then(note, note);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  return settled;
}

describe('the last gate before a new order', () => {
  test('where the CA counts, one order is asked for after the other', async () => {
    const { turns } = newTurns();
    const end = await turns.take(order('a.example'), signal);
    const second = turns.take(order('b.example'), signal);
    assert.equal(await isSettled(second), false);
    end();
    assert.equal(await isSettled(second), true);
  });

  test('a renewal of the same names, which is not counted, waits for nobody', async () => {
    const { turns } = newTurns();
    await turns.take(order('a.example'), signal);
    assert.equal(await isSettled(turns.take(order('b.example', 'same-set'), signal)), true);
  });

  test('where no limit is known, nobody waits', async () => {
    const { turns } = newTurns('https://ca.internal/directory');
    await turns.take(order('a.example'), signal);
    assert.equal(await isSettled(turns.take(order('b.example'), signal)), true);
  });

  test('where no limit is known, those wait for each other that share what was refused before', async () => {
    const { clock, ledger, turns } = newTurns('https://ca.internal/directory');
    const scope = { type: 'registered-domain', name: 'shop.example' } as const;
    ledger.learn({ cause: 'blocked', scope, retryAfter: hour }, order('a.shop.example'), clock.now());
    clock.advance(hour);
    await turns.take(order('b.shop.example'), signal);
    assert.equal(await isSettled(turns.take(order('c.shop.example'), signal)), false);
    assert.equal(await isSettled(turns.take(order('a.other.example'), signal)), true);
  });

  test('renewals that share a name wait for each other: if it is paused, one of them hears of it', async () => {
    const { clock, ledger, turns } = newTurns();
    const renewal = (...identifiers: string[]): OrderRequest => ({
      ...order('a.example', 'same-set'),
      identifiers,
    });
    const first = renewal('a.example', 'paused.example');
    const end = await turns.take(first, signal);
    const second = turns.take(renewal('b.example', 'paused.example'), signal);
    assert.equal(await isSettled(second), false);
    const scope = { type: 'identifiers', names: ['paused.example'] } as const;
    ledger.learn({ cause: 'paused', scope, retryAfter: undefined }, first, clock.now());
    end();
    await assert.rejects(second, StepError);
  });

  test('what the CA refuses one order is not asked for by those that were let through before', async () => {
    const { clock, ledger, turns } = newTurns();
    const refused = order('a.shop.example');
    const end = await turns.take(refused, signal);
    const waiting = turns.take(order('b.shop.example'), signal);
    const scope = { type: 'registered-domain', name: 'shop.example' } as const;
    const block = { cause: 'certificates-per-registered-domain', scope, retryAfter: hour } as const;
    ledger.learn(block, refused, clock.now());
    end();
    await assert.rejects(waiting, (error) => {
      const { code, retryAt } = failureOf(error, clock.now());
      assert.deepEqual([code, retryAt], ['RateLimited', clock.now() + hour]);
      return true;
    });
    assert.equal(await isSettled(turns.take(order('a.other.example'), signal)), true);
  });

  test('what waits for a refusal of seconds is asked for at its end, one order after the other', async () => {
    const { clock, ledger, turns } = newTurns('https://ca.internal/directory');
    const scope = { type: 'account' } as const;
    const block = { cause: 'blocked', scope, retryAfter: 6000 } as const;
    ledger.learn(block, order('a.example'), clock.now());
    const orders = ['b', 'c', 'd'].map((name) => turns.take(order(`${name}.example`), signal));
    const settled = async () => (await Promise.all(orders.map(isSettled))).filter(Boolean).length;
    clock.advance(5000);
    assert.equal(await settled(), 0);
    clock.advance(1000);
    assert.equal(await settled(), 1);
    ledger.learn(block, order('b.example'), clock.now());
    (await Promise.race(orders))();
    assert.equal(await settled(), 1, 'the others wait for the end of the next refusal');
    clock.advance(6000);
    assert.equal(await settled(), 2);
  });

  test('what waits for a longer refusal goes back into the queue, and has not failed', async () => {
    const { clock, ledger, turns } = newTurns();
    ledger.learn(
      { cause: 'orders-per-account', scope: { type: 'account' }, retryAfter: hour },
      order('a.example'),
      clock.now(),
    );
    const heldOf = async (planned: OrderRequest['exemption']) => {
      const error: unknown = await turns
        .take({ ...order('b.example'), planned }, signal)
        .catch((caught: unknown) => caught);
      return failureOf(error, clock.now()).held;
    };
    assert.equal(await heldOf('none'), true);
    assert.equal(await heldOf('ari'), undefined, 'the queue would let it through at once, again and again');
  });

  test('an order does not wait at the gate for one short refusal after the other', async () => {
    const { clock, ledger, turns } = newTurns('https://ca.internal/directory');
    const block = { cause: 'blocked', scope: { type: 'account' }, retryAfter: 10_000 } as const;
    ledger.learn(block, order('a.example'), clock.now());
    const waiting = turns.take(order('b.example'), signal);
    for (let count = 0; count < 10 && !(await isSettled(waiting)); count += 1) {
      clock.advance(9999);
      ledger.learn(block, order('a.example'), clock.now());
      clock.advance(1);
    }
    await assert.rejects(waiting, (error) => failureOf(error, clock.now()).held === true);
  });

  test('what a busy CA asks to wait for holds for those that were let through before, until it is over', async () => {
    const { budget, clock, turns } = newTurns();
    const end = await turns.take(order('a.example'), signal);
    const second = turns.take(order('b.example'), signal);
    budget.report({ type: 'CA_UNAVAILABLE', id: 'a', retryAfter: hour }, clock.now());
    end();
    await assert.rejects(second, (error) => {
      const { code, retryAt } = failureOf(error, clock.now());
      assert.deepEqual([code, retryAt], ['CaUnavailable', clock.now() + hour]);
      return true;
    });
    clock.advance(hour);
    await turns.take(order('b.example'), signal);
  });

  test('that there is no room for more does not hold an order back whose room is reserved', () => {
    const { clock, ledger } = newTurns();
    for (let count = 0; count < 300; count += 1) ledger.orderCreated(order(`${count}.example`), clock.now());
    assert.notEqual(ledger.hold(order('299.example'), clock.now()), undefined);
    assert.equal(ledger.refusal(order('299.example'), clock.now()), undefined);
  });

  test('an aborted round gives its turn to the next', async () => {
    const { turns } = newTurns();
    const end = await turns.take(order('a.example'), signal);
    const aborting = new AbortController();
    const aborted = turns.take(order('b.example'), aborting.signal);
    const next = turns.take(order('c.example'), signal);
    aborting.abort(new Error('the Ingress has changed'));
    end();
    await assert.rejects(aborted, /the Ingress has changed/);
    assert.equal(await isSettled(next), true);
  });
});
