import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Admission } from '../../machines/admission.ts';
import { OrderBudget } from '../../machines/order-budget.ts';
import { Ledger } from '../../machines/rate-limits.ts';
import { registeredDomain } from '../../machines/registered-domain.ts';
import { supervisorView } from '../../src/inspector/supervisor-view.ts';
import { day, desiredCertificate, hour, now } from '../machines/builders.ts';

function world() {
  const limits = {
    'certificates-per-registered-domain': { burst: 5, period: 7 * day },
    'orders-per-account': { burst: 300, period: 3 * hour },
  };
  const ledger = new Ledger({ limits, reserve: 0.2 }, registeredDomain, (text) => text);
  const budget = new OrderBudget(ledger);
  const admission = new Admission({ hosts: 2, ordersInFlight: 1 }, budget);
  const view = (renewals: readonly number[] = []) =>
    supervisorView({
      state: { synced: true, draining: false, admission },
      ledger,
      budget,
      backlog: undefined,
      lifetimes: [],
      ingresses: renewals.map((renewAt) => ({
        certificates: [
          {
            desired: desiredCertificate(),
            status: { kind: 'good', notAfter: renewAt + 30 * day, renewAt },
            failures: { attempt: 0, transient: 0 },
            notices: [],
          },
        ],
      })),
      now,
      caNow: now,
    });
  const enter = (id: string, host: string) =>
    admission.enter(
      { id, namespace: 'shop', hosts: [host], harmAt: now, purpose: 'first', exemption: 'none' },
      now,
    );
  return { admission, budget, ledger, view, enter };
}

describe('the supervisor as it is seen', () => {
  it('says who stands where, and how many permits are in use', () => {
    const { admission, view, enter } = world();
    for (const id of ['1', '2', '3']) enter(id, `${id}.example.org`);
    admission.grants(now);
    admission.requestSlot('1');
    admission.requestSlot('2');
    admission.grants(now);
    const { queue, permits } = view();
    assert.deepEqual(queue, { waiting: 1, held: 0, admitted: 0, awaitingSlot: 1, ordering: 1 });
    assert.deepEqual(permits, [
      { name: 'hosts', used: 2, limit: 2 },
      { name: 'orders', used: 1, limit: 1 },
    ]);
  });

  it('puts the budget first that is emptiest, and names what the CA refuses', () => {
    const { budget, ledger, view } = world();
    const request = { identifiers: ['www.example.com'], purpose: 'first', exemption: 'none' } as const;
    for (let count = 0; count < 3; count += 1) {
      ledger.orderCreated(request, now);
      ledger.certificateIssued(request, now);
    }
    const { budgets } = view();
    assert.deepEqual(
      budgets.map(({ limit, level, capacity }) => ({ limit, level, capacity })),
      [
        { limit: 'certificates-per-registered-domain', level: 2, capacity: 5 },
        { limit: 'orders-per-account', level: 297, capacity: 300 },
      ],
    );
    budget.report({ type: 'CA_TROUBLED', id: '1', retryAfter: hour }, now);
    assert.deepEqual(
      view().blocks.map(({ cause, scope }) => ({ cause, scope })),
      [{ cause: 'unavailable', scope: 'the CA' }],
    );
  });

  it('counts the renewals of ninety days by day, those that are overdue today, and all again after their life', () => {
    const { view } = world();
    const today = now - (now % day);
    const { renewals } = view([
      now - 3 * day,
      now + hour,
      now + 10 * day,
      now + 10 * day + hour,
      now + 89 * day,
      now + 91 * day,
    ]);
    assert.deepEqual(renewals, [
      { day: today, count: 2 },
      { day: today + 10 * day, count: 2 },
      { day: today + 60 * day, count: 2 },
      { day: today + 70 * day, count: 2 },
      { day: today + 89 * day, count: 1 },
    ]);
  });
});
