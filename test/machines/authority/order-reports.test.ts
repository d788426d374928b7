import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PlannedOrder } from '../../../machines/authority/order-budget.ts';
import type { OrderReport } from '../../../machines/authority/order-report.ts';
import { day, hour, now, orderBudget } from '../builders.ts';

const hosts = ['a.example.com'];
const order: PlannedOrder = { id: '1', namespace: 'shop', hosts, purpose: 'renewal', exemption: 'none' };
const sent: OrderReport = { type: 'ORDER_SENT', id: '1' };
const made: OrderReport = { type: 'ORDER_MADE', id: '1' };
const refused: OrderReport = { type: 'ORDER_REFUSED', id: '1', block: undefined };
const proven: OrderReport = { type: 'HOSTS_PROVEN', id: '1', hosts };
const failed: OrderReport = { type: 'ORDER_FAILED', id: '1' };
const issued: OrderReport = { type: 'CERTIFICATE_ISSUED', id: '1' };
const scope = { type: 'account' } as const;
const block = { cause: 'blocked', scope, retryAfter: hour } as const;

const once = { burst: 1, period: day };
const limits = { 'orders-per-account': once, 'certificates-per-exact-set': once };

/** What another order waits for. */
function causeOf(budget: ReturnType<typeof orderBudget>, changes: Partial<PlannedOrder> = {}) {
  const other: PlannedOrder = { ...order, id: '2', ...changes };
  return budget.hold(other, now)?.cause;
}

describe('an order that ends', () => {
  const cases: [what: string, reports: OrderReport[], spent: ('order' | 'certificate')[], room: string][] = [
    ['before it is sent', [], [], 'at its end'],
    ['when it was sent, and nothing was heard', [sent], ['order'], 'at its end'],
    ['refused', [sent, refused], [], 'at once'],
    ['when it was made', [sent, made], ['order'], 'at its end'],
    ['between its proof and its certificate', [sent, made, proven], ['order', 'certificate'], 'at its end'],
    ['given up by the CA after its proof', [sent, made, proven, failed], ['order'], 'at its end'],
    ['with its certificate', [sent, made, proven, issued], ['order', 'certificate'], 'never'],
  ];
  for (const [what, reports, spent, room] of cases) {
    it(`${what} has spent ${spent.join(' and ') || 'nothing'}, and others may find room ${room}`, () => {
      const budget = orderBudget(limits);
      budget.reserve(order, now);
      const told = reports.map((report) => budget.report(report, now));
      const released = budget.release(order.id, now).freed;
      assert.deepEqual([told.some(Boolean), released], [room === 'at once', room === 'at its end']);
      assert.equal(budget.release(order.id, now).freed, false, 'it ends once');
      const account = causeOf(budget, { hosts: ['b.example.com'] });
      const set = causeOf(budget, { exemption: 'same-set' });
      assert.equal(account, spent.includes('order') ? 'orders-per-account' : undefined);
      assert.equal(set, spent.includes('certificate') ? 'certificates-per-exact-set' : undefined);
    });
  }

  it('counts as what it was found to be before it was sent', () => {
    const budget = orderBudget({ 'certificates-per-registered-domain': once });
    assert.equal(budget.countAs('unknown', 'none', now), undefined);
    budget.reserve({ ...order, exemption: 'ari' }, now);
    assert.equal(budget.countAs(order.id, 'none', now), undefined);
    for (const report of [sent, made, proven, issued]) budget.report(report, now);
    assert.equal(causeOf(budget, { hosts: ['b.example.com'] }), 'certificates-per-registered-domain');
  });

  it('is told of in vain when it reserved nothing', () => {
    const budget = orderBudget(limits);
    const limit: OrderReport = { type: 'LIMIT_MET', id: '1', block };
    for (const report of [sent, made, refused, { ...refused, block }, proven, failed, issued, limit]) {
      assert.equal(budget.report(report, now), undefined, report.type);
    }
    assert.equal(budget.release('1', now).freed, false);
    assert.equal(causeOf(budget), undefined);
  });
});

describe('what is told of an order', () => {
  it('teaches the limit by which it was refused, or not gone on with', () => {
    for (const report of [{ ...refused, block }, { type: 'LIMIT_MET', id: '1', block } as const]) {
      const budget = orderBudget();
      budget.reserve(order, now);
      budget.report(report, now);
      assert.equal(causeOf(budget, { hosts: ['b.example.com'] }), 'blocked', report.type);
    }
  });

  it('counts the failures of its hosts, in a row until a proof', () => {
    const name = 'consecutive-authorization-failures';
    const budget = orderBudget({ [name]: { burst: 2, period: day } });
    const failure: OrderReport = { type: 'HOSTS_FAILED', id: '1', hosts };
    for (const report of [failure, proven, failure]) assert.equal(budget.report(report, now), undefined);
    assert.equal(causeOf(budget), undefined);
    budget.report(failure, now);
    assert.equal(causeOf(budget), name);
  });

  it('ends the trouble of the CA where it shows that the CA is well, be it by a refusal', () => {
    for (const report of [made, refused]) {
      const budget = orderBudget();
      const trouble: OrderReport = { type: 'CA_UNAVAILABLE', id: '9', retryAfter: hour };
      assert.equal(budget.report(trouble, now), 'health');
      assert.equal(budget.enter('1', now + hour), true);
      assert.equal(budget.enter('2', now + hour), false, 'one alone tries');
      assert.equal(budget.report(report, now + hour), 'health');
      assert.equal(budget.enter('2', now + hour), true, report.type);
    }
  });

  it('lets another try when the round that was to try ends without a word', () => {
    const budget = orderBudget();
    budget.report({ type: 'CA_UNAVAILABLE', id: '9', retryAfter: hour }, now);
    assert.equal(budget.enter('1', now + hour), true);
    budget.release('1', now + hour);
    assert.equal(budget.enter('2', now + hour), true);
  });
});
