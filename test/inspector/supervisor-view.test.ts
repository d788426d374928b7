import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OrderBudget } from '../../machines/authority/order-budget.ts';
import { registeredDomain } from '../../machines/hosts/registered-domain.ts';
import { Ledger } from '../../machines/ledger/ledger.ts';
import { Admission } from '../../machines/supervisor/admission.ts';
import { RenewalCalendar } from '../../src/inspector/views/renewal-calendar.ts';
import { supervisorView } from '../../src/inspector/views/supervisor-view.ts';
import { day, desiredCertificate, hour, minute, now } from '../machines/builders.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { ManualClock } from '../time/manual-clock.ts';

function world() {
  const limits = {
    'certificates-per-registered-domain': { burst: 5, period: 7 * day },
    'orders-per-account': { burst: 300, period: 3 * hour },
  };
  const ledger = new Ledger({ limits, reserve: 0.2 }, registeredDomain, (text) => text);
  const budget = new OrderBudget(ledger);
  const admission = new Admission({ hosts: 2, ordersInFlight: 1 }, budget);
  const view = (caNow = now) =>
    supervisorView({
      state: { unread: new Set(), draining: false, admission },
      ca: { ledger, budget, clock: aheadOf(new ManualClock(now), caNow - now) },
      backlog: undefined,
      renewals: [],
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
    assert.deepEqual(queue, { waiting: 1, held: 0, admitted: 0, awaitingSlot: 1, lent: 0, ordering: 1 });
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
    budget.report({ type: 'CA_UNAVAILABLE', id: '1', retryAfter: hour }, now);
    assert.deepEqual(
      view().blocks.map(({ cause, scope }) => ({ cause, scope })),
      [{ cause: 'the CA does not answer', scope: 'the CA' }],
    );
  });

  it('says all times by our clock, although the CA counts by its own', () => {
    const { budget, ledger, view } = world();
    const caNow = now + hour;
    const request = { identifiers: ['www.example.com'], purpose: 'first', exemption: 'none' } as const;
    for (let count = 0; count < 5; count += 1) {
      ledger.orderCreated(request, caNow);
      ledger.certificateIssued(request, caNow);
    }
    budget.report({ type: 'CA_UNAVAILABLE', id: '1', retryAfter: minute }, caNow);
    const { blocks, budgets } = view(caNow);
    const [certificates] = budgets;
    const untilTheNext = (7 * day) / 5;
    assert.equal(certificates?.nextRenewal, now + untilTheNext);
    assert.equal(certificates?.nextFirst, now + 2 * untilTheNext);
    assert.equal(blocks[0]?.until, now + minute);
  });

  it('lists forty budgets and blocks, and says how many there are', () => {
    const { ledger, view } = world();
    for (let count = 0; count < 100; count += 1) {
      const request = { identifiers: [`www.${count}.org`], purpose: 'first', exemption: 'none' } as const;
      ledger.orderCreated(request, now);
      ledger.certificateIssued(request, now);
      const scope = { type: 'identifiers', names: request.identifiers } as const;
      ledger.learn({ cause: 'blocked', scope, retryAfter: hour }, request, now);
    }
    const { blocks, blockCount, budgets, budgetCount } = view();
    assert.deepEqual([blocks.length, blockCount], [40, 100]);
    assert.deepEqual([budgets.length, budgetCount], [40, 101], 'that of the account, too');
  });
});

describe('the renewals of the coming ninety days', () => {
  const ingress = (renewAt: number) => ({
    certificates: [
      {
        desired: desiredCertificate(),
        status: { kind: 'good', notAfter: renewAt + 30 * day, renewAt } as const,
        failures: { attempt: 0, check: 0, transient: 0 },
        notices: [],
      },
    ],
  });

  it('are counted by day, those that are overdue today, and all again after their life', () => {
    const times = [
      now - 3 * day,
      now + hour,
      now + 10 * day,
      now + 10 * day + hour,
      now + 89 * day,
      now + 91 * day,
    ];
    const today = now - (now % day);
    assert.deepEqual(new RenewalCalendar(() => times.map(ingress), []).at(now), [
      { day: today, count: 2 },
      { day: today + 10 * day, count: 2 },
      { day: today + 60 * day, count: 2 },
      { day: today + 70 * day, count: 2 },
      { day: today + 89 * day, count: 1 },
    ]);
  });

  it('are counted again after fifteen seconds, and not each time that somebody asks', () => {
    const times = [now + day];
    const calendar = new RenewalCalendar(() => times.map(ingress), []);
    const count = (at: number) => calendar.at(at).reduce((sum, one) => sum + one.count, 0);
    assert.equal(count(now), 2);
    times.push(now + 2 * day);
    assert.equal(count(now + 14_000), 2);
    assert.equal(count(now + 15_000), 4);
  });
});
