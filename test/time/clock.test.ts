import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { sleep, systemClock } from '../../src/time/clock.ts';
import { ManualClock } from './manual-clock.ts';

describe('the system clock', () => {
  it('fires a timer that is longer than Node can count in one, when it is due', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      let fired = 0;
      const longest = 2 ** 31 - 1;
      systemClock.setTimeout(() => fired++, 2 * longest + 1000);
      mock.timers.tick(longest);
      mock.timers.tick(longest);
      mock.timers.tick(999);
      assert.equal(fired, 0);
      mock.timers.tick(1);
      assert.equal(fired, 1);
    } finally {
      mock.timers.reset();
    }
  });

  it('forgets a long timer that is cleared after its first part', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      let fired = 0;
      const handle = systemClock.setTimeout(() => fired++, 2 ** 32);
      mock.timers.tick(2 ** 31);
      systemClock.clearTimeout(handle);
      mock.timers.tick(2 ** 31);
      assert.equal(fired, 0);
      systemClock.clearTimeout('not mine');
    } finally {
      mock.timers.reset();
    }
  });
});

describe('sleep', () => {
  it('ends after its time', async () => {
    const clock = new ManualClock();
    const asleep = sleep(clock, 1000);
    clock.advance(1000);
    await asleep;
  });

  it('ends with the reason of its signal and leaves no timer', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const asleep = sleep(clock, 1000, stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(asleep, /enough/);
    assert.deepEqual(clock.pending, []);
    await assert.rejects(sleep(clock, 1000, stop.signal), /enough/);
    assert.deepEqual(clock.pending, []);
  });
});
