import assert from 'node:assert/strict';
import { it } from 'node:test';
import { OrderBudget } from '../../../machines/authority/order-budget.ts';
import { registeredDomain } from '../../../machines/hosts/registered-domain.ts';
import { Ledger, type LedgerShard } from '../../../machines/ledger/ledger.ts';
import { day, hour, minute, now, orderBudget } from '../builders.ts';

it('an order that is counted after all is not held up by its own reservation', () => {
  const budget = orderBudget({ 'certificates-per-exact-set': { burst: 1, period: 7 * day } });
  const order = {
    id: '1',
    namespace: 'shop',
    hosts: ['a.example.com'],
    purpose: 'renewal',
    exemption: 'ari',
  } as const;
  budget.reserve(order, now);
  assert.equal(budget.countAs('1', 'same-set', now), undefined);
  assert.equal(
    budget.hold({ ...order, id: '2', exemption: 'same-set' }, now)?.cause,
    'certificates-per-exact-set',
  );
});

it('an order that finds no room keeps its reservation as it was', () => {
  const budget = orderBudget({
    'orders-per-account': { burst: 1, period: day },
    'certificates-per-exact-set': { burst: 1, period: day },
  });
  const again = {
    id: '2',
    namespace: 'shop',
    hosts: ['a.example.com'],
    purpose: 'renewal',
    exemption: 'same-set',
  } as const;
  const causeOf = (): string | undefined => budget.hold(again, now)?.cause;
  budget.reserve(
    { id: '0', namespace: 'shop', hosts: ['other.example.com'], purpose: 'renewal', exemption: 'none' },
    now,
  );
  budget.reserve({ ...again, id: '1', exemption: 'ari' }, now);
  assert.equal(budget.countAs('1', 'none', now)?.cause, 'orders-per-account');
  assert.equal(causeOf(), 'certificates-per-exact-set');
  budget.release('0', now);
  const counted = { ...again, hosts: ['b.example.com'], exemption: 'none' } as const;
  assert.equal(budget.hold(counted, now), undefined, 'it takes nothing of the account');
  assert.equal(budget.release('1', now).freed, true);
  assert.equal(causeOf(), undefined);
});

/** A process that goes on from what others have written. */
function start(kept: readonly LedgerShard[] = [], time = now) {
  const ledger = new Ledger({ limits: {}, reserve: 0 }, registeredDomain, (text) => text);
  const budget = new OrderBudget(ledger);
  const documents = kept.map(({ shard, text = '' }) => [shard, text] as const);
  assert.deepEqual(ledger.restore(new Map(documents), time), []);
  budget.resume(time);
  return { ledger, budget };
}

it('a wait that the CA asked all for goes on after a restart, and then one alone tries', () => {
  const first = start();
  first.budget.report({ type: 'CA_UNAVAILABLE', id: '1', retryAfter: hour }, now);
  const kept = first.ledger.takeChanges(now);
  const { ledger, budget } = start(kept, now + minute);
  const wait = { cause: 'unavailable', scope: 'the CA', until: now + hour + 1000 };
  assert.deepEqual(budget.trouble(now + minute), wait);
  assert.deepEqual(budget.askedWait(now + minute), wait, 'a good answer would not end it');
  assert.deepEqual(ledger.blocks(now + minute), [], 'it is said once');
  assert.equal(budget.enter('1', wait.until - 1), false);
  assert.equal(budget.enter('1', wait.until), true);
  assert.equal(budget.enter('2', wait.until), false);
  budget.report({ type: 'ORDER_MADE', id: '1' }, wait.until);
  assert.equal(budget.enter('2', wait.until), true);
});

it('of a CA in trouble that asks for no wait, and of a wait that is over, nothing is kept', () => {
  const { ledger, budget } = start();
  for (const id of ['1', '2', '3']) budget.report({ type: 'CA_UNAVAILABLE', id, retryAfter: undefined }, now);
  assert.deepEqual(ledger.takeChanges(now), []);
  budget.report({ type: 'CA_UNAVAILABLE', id: '4', retryAfter: hour }, now);
  const later = start(ledger.takeChanges(now), now + 2 * hour);
  assert.equal(later.budget.trouble(now + 2 * hour), undefined);
  assert.deepEqual(
    later.ledger.takeChanges(now + 2 * day).map(({ text }) => text),
    [undefined],
  );
});
