import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import { letsEncryptLifetimes, renewalsAhead } from '../../../machines/assessment/renewal-forecast.ts';
import { backlogOf } from '../../../machines/authority/backlog.ts';
import { registeredDomain } from '../../../machines/hosts/registered-domain.ts';
import { Ledger } from '../../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../../machines/ledger/order-limits.ts';
import { day, hour, now } from '../builders.ts';

function orders(count: number, domain: (index: number) => string): OrderRequest[] {
  return Array.from({ length: count }, (_, index) => ({
    identifiers: [`${index}.${domain(index)}`],
    purpose: 'replacement',
    exemption: 'none',
  }));
}

describe('the forecast of a queue', () => {
  const limits = {
    'orders-per-account': { burst: 300, period: 3 * hour },
    'certificates-per-registered-domain': { burst: 50, period: 7 * day },
  };
  const ledger = new Ledger({ limits, reserve: 0 }, registeredDomain, (text) => text);

  it('is that all may go on where there is room for all', () => {
    const found = backlogOf(
      ledger,
      orders(300, (index) => `site-${index}.example`),
      now,
    );
    assert.deepEqual(found, { orders: 300, withinDay: 300, lastAt: now });
  });

  it('counts by the account: 100 an hour after the first 300', () => {
    const found = backlogOf(
      ledger,
      orders(3000, (index) => `site-${index}.example`),
      now,
    );
    assert.deepEqual(found, { orders: 3000, withinDay: 2700, lastAt: now + 27 * hour });
  });

  it('counts by the domain: 50 a week', () => {
    const found = backlogOf(
      ledger,
      orders(100, () => 'tenant.example'),
      now,
    );
    assert.equal(found.orders, 100);
    assert.equal(found.withinDay, 57);
    assert.equal(Math.round((found.lastAt - now) / day), 7);
  });

  it('says of each what the ledger says of the next one', () => {
    for (let spent = 0; spent < 60; spent += 1) {
      const [order] = orders(1, () => 'busy.example');
      assert.ok(order !== undefined);
      const hold = ledger.hold(order, now);
      assert.equal(backlogOf(ledger, [order], now).lastAt, hold?.until ?? now);
      ledger.orderCreated(order, now);
      ledger.certificateIssued(order, now);
    }
  });

  it('takes less than a second of a processor for ten thousand', () => {
    const many = orders(10_000, (index) => `${index % 700}.example`);
    const before = process.cpuUsage();
    assert.equal(backlogOf(ledger, many, now).orders, 10_000);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 1_000_000, `${(user + system) / 1000} ms of a processor`);
  });
});

describe('the forecast of renewals', () => {
  const inThirtyDays = { notAfter: now + 60 * day, renewAt: now + 30 * day };
  const dayOf = (at: number): number => at - (at % day);

  it('has the coming one, and those that follow', () => {
    const found = renewalsAhead([inThirtyDays, inThirtyDays], [], now, now + 160 * day);
    assert.deepEqual(
      [...found],
      [30, 90, 150].map((days) => [dayOf(now + days * day), 2]),
    );
  });

  it('follows the lifetimes that the CA has announced', () => {
    const renewals = renewalsAhead([inThirtyDays], letsEncryptLifetimes, now, Date.UTC(2028, 11, 31));
    const days = [...renewals.keys()].toSorted((one, other) => one - other);
    const gaps = days.slice(1).map((at, index) => Math.round((at - (days[index] ?? 0)) / day));
    assert.equal(gaps[0], 60);
    assert.ok(gaps.includes(43) || gaps.includes(42));
    assert.equal(gaps.at(-1), 30);
    const [first = 0] = days;
    assert.equal(first, dayOf(now + 30 * day));
  });

  it('has an overdue one today, and a short one every three days', () => {
    const found = renewalsAhead([{ notAfter: now + 2 * day, renewAt: now - day }], [], now, now + 10 * day);
    assert.equal([...found.keys()][0], dayOf(now));
    const short = renewalsAhead([{ notAfter: now + 80 * hour, renewAt: now }], [], now, now + 30 * day);
    assert.equal(short.size, 9);
  });

  it('ends for a certificate that makes no sense', () => {
    const found = renewalsAhead([{ notAfter: now, renewAt: now + day }], [], now, now + 3 * day);
    assert.ok(found.size <= 3);
  });
});
