import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renewalsAhead } from '../../../machines/assessment/renewal-forecast.ts';
import { letsEncrypt } from '../../../machines/authority/known-cas.ts';
import { day, hour, now } from '../builders.ts';

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
    const renewals = renewalsAhead([inThirtyDays], letsEncrypt.lifetimes, now, Date.UTC(2028, 11, 31));
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
