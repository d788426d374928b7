import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventBudget } from '../../../src/kubernetes/records/event-budget.ts';
import { ManualClock } from '../../time/manual-clock.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** How many minutes pass from one to the next, so that no pattern fits the hour. */
const gaps = [1, 1, 7, 1, 19, 1, 1, 53, 1, 2, 61, 1];

describe('the Events of one cause', () => {
  for (const [type, reason, most] of [
    ['Warning', 'SelfCheckFailed', 5],
    // An Ingress of twenty Secrets tells of each of its certificates.
    ['Normal', 'CertificateIssued', 20],
  ] as const) {
    it(`are at most ${most} in any hour when they are of type ${type}, and none goes uncounted`, () => {
      const clock = new ManualClock();
      const budget = new EventBudget(clock);
      const end = clock.now() + 3 * day;
      const written: number[] = [];
      let told = 0;
      let counted = 0;
      for (let turn = 0; clock.now() < end; turn += 1) {
        for (let repeated = 0; repeated < 4; repeated += 1) {
          told += 1;
          const share = budget.take({ source: { uid: 'uid-1' }, type, reason });
          if (share === undefined) continue;
          written.push(clock.now());
          counted += share.count;
          assert.ok(share.since <= clock.now());
        }
        clock.advance((gaps[turn % gaps.length] ?? 1) * minute);
      }
      const busiest = Math.max(
        ...written.map((from) => written.filter((at) => at >= from && at < from + hour).length),
      );
      assert.equal(busiest, most);
      clock.advance(hour);
      const last = budget.take({ source: { uid: 'uid-1' }, type, reason });
      assert.equal(counted + (last?.count ?? 0), told + 1);
    });
  }

  for (const jump of [-day, day]) {
    it(`are written again after an hour, and no earlier, though the clock was set by ${jump / hour} h`, () => {
      const clock = new ManualClock();
      const budget = new EventBudget(clock);
      const take = () =>
        budget.take({ source: { uid: 'uid-1' }, type: 'Warning', reason: 'SelfCheckFailed' });
      for (let turn = 0; turn < 5; turn += 1) assert.equal(take()?.count, 1);
      clock.set(jump);
      assert.equal(take(), undefined);
      clock.advance(hour);
      assert.equal(take()?.count, 2);
    });
  }

  it('are none of another Ingress, nor of another reason', () => {
    const budget = new EventBudget(new ManualClock());
    const type = 'Warning';
    const take = (uid: string, reason: string) => budget.take({ source: { uid }, type, reason });
    for (let turn = 0; turn < 10; turn += 1) take('uid-1', 'SelfCheckFailed');
    assert.equal(take('uid-1', 'SelfCheckFailed'), undefined);
    assert.deepEqual([take('uid-2', 'SelfCheckFailed')?.count, take('uid-1', 'OrderFailed')?.count], [1, 1]);
  });
});
