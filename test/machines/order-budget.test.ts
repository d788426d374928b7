import assert from 'node:assert/strict';
import { it } from 'node:test';
import { day, now, orderBudget } from './builders.ts';

it('an order that is counted after all is not held up by its own reservation', () => {
  const budget = orderBudget({ 'certificates-per-exact-set': { burst: 1, period: 7 * day } });
  const order = { id: '1', hosts: ['a.example.com'], purpose: 'renewal', exemption: 'ari' } as const;
  budget.reserve(order, now);
  assert.equal(budget.countAs('1', 'same-set', now), undefined);
  assert.equal(
    budget.hold({ ...order, id: '2', exemption: 'same-set' }, new Map(), now)?.cause,
    'certificates-per-exact-set',
  );
});

it('an order that finds no room keeps its reservation as it was', () => {
  const budget = orderBudget({ 'orders-per-account': { burst: 1, period: day } });
  budget.reserve({ id: '0', hosts: ['other.example.com'], purpose: 'renewal', exemption: 'none' }, now);
  budget.reserve({ id: '1', hosts: ['a.example.com'], purpose: 'renewal', exemption: 'ari' }, now);
  assert.equal(budget.countAs('1', 'none', now)?.cause, 'orders-per-account');
  assert.equal(budget.release('1', now), true);
});
