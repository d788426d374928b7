import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BacklogWatch } from '../../src/authority/backlog-watch.ts';
import { ManualClock } from '../time/manual-clock.ts';

it('a long queue is told at once, then hourly, and a short one is not', () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  let orders = 0;
  const watch = new BacklogWatch({
    read: () => (orders === 0 ? undefined : { orders, withinDay: 2, lastAt: Date.UTC(2026, 11, 24) }),
    clock,
    log: { info: (_: object, line?: string) => lines.push(line ?? ''), error: assert.fail },
  });
  watch.start();
  clock.advance(600_000);
  const current = () => watch.current?.orders;
  assert.equal(current(), undefined);
  orders = 5;
  clock.advance(60_000);
  assert.equal(current(), 5);
  assert.deepEqual(lines, []);
  orders = 4000;
  clock.advance(2 * 3_600_000);
  assert.deepEqual(lines, [
    "4000 certificates wait for room in the CA's limits: 2 have it within a day, the last one at 2026-12-24T00:00:00.000Z.",
    "4000 certificates wait for room in the CA's limits: 2 have it within a day, the last one at 2026-12-24T00:00:00.000Z.",
  ]);
  watch.stop();
  assert.deepEqual(clock.pending, []);
});

it('a queue that cannot be looked at is said once, and looked at again', () => {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  let fails = true;
  const watch = new BacklogWatch({
    read: () => {
      if (fails) throw new Error('the ledger is broken');
      return { orders: 7, withinDay: 2, lastAt: 0 };
    },
    clock,
    log: { info: () => undefined, error: (error: unknown) => errors.push(error) },
  });
  watch.start();
  clock.advance(300_000);
  assert.match(String(errors), /^Error: the ledger is broken$/);
  fails = false;
  clock.advance(60_000);
  assert.equal(watch.current?.orders, 7);
  watch.stop();
});
