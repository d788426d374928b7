import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { retry } from '../../src/time/retry.ts';
import { ManualClock } from './manual-clock.ts';

describe('what is tried until it succeeds', () => {
  function start(failures: number) {
    const clock = new ManualClock();
    const stop = new AbortController();
    const told: unknown[] = [];
    const work = (): Promise<string> =>
      told.length < failures ? Promise.reject(new Error(`failure ${told.length}`)) : Promise.resolve('done');
    const result = retry(work, {
      clock,
      signal: stop.signal,
      shortestPause: 1000,
      longestPause: 3000,
      onFailure: (error) => told.push(error),
    });
    return { clock, stop, told, result };
  }

  it('is tried again after pauses that grow up to the longest', async () => {
    const { clock, told, result } = start(4);
    const pauses: number[] = [];
    for (let failed = 1; failed <= 4; failed += 1) {
      await turn();
      assert.equal(told.length, failed);
      const [pause = 0] = clock.pending;
      pauses.push(pause);
      clock.advance(pause);
    }
    assert.equal(await result, 'done');
    assert.deepEqual(pauses, [1000, 2000, 3000, 3000]);
  });

  it('ends in the midst of a pause with the reason of the signal', async () => {
    const { clock, stop, result } = start(1);
    await turn();
    stop.abort(new Error('the end'));
    await assert.rejects(result, /the end/);
    assert.deepEqual(clock.pending, []);
  });
});
