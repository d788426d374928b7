import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SlowPhases } from '../../src/steps/slow-phases.ts';
import { ManualClock } from '../time/manual-clock.ts';

describe('an order over which the CA takes long', () => {
  it('is told of once in each phase that lasts half a minute, and not before it is made', () => {
    const clock = new ManualClock();
    const told: string[] = [];
    const slow = new SlowPhases(clock, (phase) => told.push(phase));
    slow.enter('ordering');
    clock.advance(600_000);
    assert.deepEqual(told, []);
    slow.enter('proving');
    clock.advance(29_999);
    slow.enter('finalizing');
    clock.advance(29_999);
    assert.deepEqual(told, []);
    clock.advance(60_000);
    assert.deepEqual(told, ['finalizing']);
    slow.enter('spreading');
    clock.advance(60_000);
    assert.deepEqual(told.splice(1), ['spreading']);
    slow.enter('downloading');
    slow.end();
    clock.advance(60_000);
    assert.deepEqual(told, ['finalizing']);
    assert.deepEqual(clock.pending, []);
  });
});
