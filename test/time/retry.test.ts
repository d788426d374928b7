import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { retry } from '../../src/time/retry.ts';
import { ManualClock } from './manual-clock.ts';

describe('what is tried until it succeeds', () => {
  function start(failures: number, pauseAfter?: (pause: number) => number) {
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
      ...(pauseAfter && { pauseAfter: (_error, pause) => pauseAfter(pause) }),
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

  it('is given up after the most tries, with the last failure', async () => {
    let tries = 0;
    const work = (): Promise<never> => Promise.reject(new Error(`try ${++tries}`));
    const options = { clock: new ManualClock(), signal: undefined, shortestPause: 0, longestPause: 0 };
    await assert.rejects(retry(work, { ...options, mostTries: 3 }), /try 3/);
  });

  it('is given up when the failure is judged so', async () => {
    const { clock, result } = start(1, () => {
      throw new Error('in vain');
    });
    await assert.rejects(result, /in vain/);
    assert.deepEqual(clock.pending, []);
  });

  it('waits as long as the failure asks for, or not at all', async () => {
    const { clock, told, result } = start(3, (pause) => (told.length === 1 ? pause + 500 : 0));
    await turn();
    assert.deepEqual(clock.pending, [1500]);
    clock.advance(1500);
    assert.equal(await result, 'done');
  });
});
