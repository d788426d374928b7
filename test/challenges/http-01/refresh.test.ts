import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Refresh } from '../../../src/challenges/http-01/refresh.ts';
import { ManualClock } from '../../time/manual-clock.ts';

describe('a reading that many ask for', () => {
  let clock: ManualClock;
  let stop: AbortController;
  let readings: PromiseWithResolvers<void>[];
  let refresh: Refresh;

  beforeEach(() => {
    clock = new ManualClock();
    stop = new AbortController();
    readings = [];
    refresh = new Refresh(clock, stop.signal, 1000, () => {
      const reading = Promise.withResolvers<void>();
      readings.push(reading);
      return reading.promise;
    });
  });

  it('is shared by all who ask before it begins', async () => {
    const all = Promise.all([refresh.run(), refresh.run(), refresh.run()]);
    await turn();
    readings[0]?.resolve();
    await all;
    assert.equal(readings.length, 1);
  });

  it('is not that which had begun already: what it read may be older than the question', async () => {
    const first = refresh.run();
    await turn();
    let answered = false;
    const second = refresh.run().then(() => {
      answered = true;
    });
    readings[0]?.resolve();
    await first;
    clock.advance(1000);
    await turn();
    assert.equal(answered, false);
    readings[1]?.resolve();
    await second;
  });

  it('waits no longer when the clock was set back', async () => {
    const first = refresh.run();
    await turn();
    readings[0]?.resolve();
    await first;
    clock.set(-5 * 3_600_000);
    const second = refresh.run();
    await turn();
    assert.deepEqual(clock.pending, [1000]);
    clock.advance(1000);
    await turn();
    readings[1]?.resolve();
    await second;
  });

  it('begins at most once an interval', async () => {
    const first = refresh.run();
    await turn();
    readings[0]?.resolve();
    await first;
    const late = Promise.all([refresh.run(), refresh.run()]);
    await turn();
    clock.advance(999);
    await turn();
    assert.equal(readings.length, 1);
    clock.advance(1);
    await turn();
    readings[1]?.resolve();
    await late;
    assert.equal(readings.length, 2);
  });

  it('does not begin while another goes on, however long that takes', async () => {
    const first = refresh.run();
    await turn();
    const second = refresh.run();
    clock.advance(60_000);
    await turn();
    assert.equal(readings.length, 1);
    readings[0]?.reject(new Error('the API server is away'));
    await assert.rejects(first, /away/);
    await turn();
    readings[1]?.resolve();
    await second;
  });

  it('is not waited for after the end', async () => {
    const first = refresh.run();
    await turn();
    readings[0]?.resolve();
    await first;
    const waiting = refresh.run();
    await turn();
    stop.abort(new Error('the end'));
    await assert.rejects(waiting, /the end/);
  });
});
