import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LedgerClock } from '../../src/ledger/ledger-clock.ts';

const hour = 60 * 60_000;

function newClock() {
  const machine = { time: Date.UTC(2026, 10, 20), steady: 5000 };
  const noTimers = { setTimeout: () => undefined, clearTimeout: () => undefined };
  const clock = new LedgerClock({
    clock: { now: () => machine.time, ...noTimers },
    steady: () => machine.steady,
  });
  const pass = (ms: number): void => {
    machine.time += ms;
    machine.steady += ms;
  };
  return { clock, machine, pass };
}

describe('the clock of the ledger', () => {
  test('is that of the machine until the CA has said what time it is', () => {
    const { clock, machine } = newClock();
    assert.equal(clock.now(), machine.time);
    clock.observe(undefined);
    assert.equal(clock.now(), machine.time);
  });

  test('is then that of the CA', () => {
    const { clock, machine, pass } = newClock();
    const start = machine.time;
    clock.observe(-2000);
    assert.equal(clock.now(), start - 2000);
    pass(10_000);
    assert.equal(clock.now(), start + 8000);
  });

  test('takes no step ahead when the time of the CA becomes known better: a wait would end too early', () => {
    const { clock, machine, pass } = newClock();
    const start = machine.time;
    clock.observe(-900);
    const until = clock.now() + 2000;
    pass(1300);
    clock.observe(-100);
    assert.ok(clock.now() < until);
    pass(700);
    assert.equal(clock.now(), until);
    clock.observe(5000);
    assert.equal(clock.now(), start + 7000, 'a clock that was set is followed');
  });

  for (const jump of [hour, -hour]) {
    test(`does not mind when the machine's clock jumps by ${jump / hour} h`, () => {
      const { clock, machine, pass } = newClock();
      const start = machine.time;
      clock.observe(0);
      machine.time += jump;
      assert.equal(clock.now(), start);
      pass(1000);
      assert.equal(clock.now(), start + 1000);
      clock.observe(-jump);
      assert.equal(clock.now(), start + 1000);
    });
  }
});
