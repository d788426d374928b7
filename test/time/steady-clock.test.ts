import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SteadyClock } from '../../src/time/steady-clock.ts';
import { ManualClock } from './manual-clock.ts';

const hour = 3_600_000;

describe('the clock of the process', () => {
  for (const step of [-5 * hour, 5 * hour]) {
    it(`goes on evenly when that of the system is set by ${step / hour} h, until it is told to follow`, () => {
      const system = new ManualClock();
      const clock = new SteadyClock(system);
      const start = clock.now();
      assert.equal(start, system.now());
      system.set(step);
      system.advance(1000);
      assert.equal(clock.now(), start + 1000);
      assert.equal(clock.follow(), step);
      assert.equal(clock.now(), system.now());
      assert.equal(clock.follow(), 0);
    });
  }

  it('takes no step for a leap second', () => {
    const system = new ManualClock();
    const clock = new SteadyClock(system);
    system.set(-1000);
    assert.equal(clock.follow(), 0);
    system.set(-1000);
    assert.equal(clock.follow(), -2000, 'small ones add up');
  });
});
