import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Propagation } from '../../deploy/local/edge/propagation.ts';
import type { Clock } from '../../src/time/clock.ts';

/** A clock that stands still until it is turned. */
class HandClock implements Clock {
  #now = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly fn: () => void }>();
  #lastId = 0;

  get armed(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): number {
    this.#lastId += 1;
    this.#timers.set(this.#lastId, { at: this.#now + ms, fn });
    return this.#lastId;
  }

  clearTimeout(handle: unknown): void {
    if (typeof handle === 'number') this.#timers.delete(handle);
  }

  turnTo(time: number): void {
    this.#now = time;
    for (const [id, { at, fn }] of this.#timers) {
      if (at > time) continue;
      this.#timers.delete(id);
      fn();
    }
  }
}

function propagationOf(
  delay: number,
  interval = 0,
): {
  clock: HandClock;
  delivered: string[];
  propagation: Propagation<string>;
} {
  const clock = new HandClock();
  const delivered: string[] = [];
  const propagation = new Propagation<string>(clock, { delay, interval }, (item) => delivered.push(item));
  return { clock, delivered, propagation };
}

describe('propagation of changes', () => {
  it('hands a change on after the delay, not before', () => {
    const { clock, delivered, propagation } = propagationOf(2_000);
    propagation.push('rule');
    clock.turnTo(1_999);
    assert.deepEqual(delivered, []);
    clock.turnTo(2_000);
    assert.deepEqual(delivered, ['rule']);
  });

  it('delays each change from its own moment and keeps their order', () => {
    const { clock, delivered, propagation } = propagationOf(1_000);
    propagation.push('first');
    clock.turnTo(400);
    propagation.push('second');
    propagation.push('third');
    clock.turnTo(1_000);
    assert.deepEqual(delivered, ['first']);
    clock.turnTo(1_400);
    assert.deepEqual(delivered, ['first', 'second', 'third']);
  });

  it('starts again after a pause, with one timer at a time', () => {
    const { clock, delivered, propagation } = propagationOf(1_000);
    propagation.push('first');
    clock.turnTo(1_000);
    propagation.push('second');
    propagation.push('third');
    assert.equal(clock.armed, 1);
    clock.turnTo(2_000);
    assert.deepEqual(delivered, ['first', 'second', 'third']);
    assert.equal(clock.armed, 0);
  });

  it('takes up the first change soon, and then all of an interval together', () => {
    const { clock, delivered, propagation } = propagationOf(200, 2_000);
    propagation.push('first');
    clock.turnTo(100);
    propagation.push('with it');
    clock.turnTo(200);
    assert.deepEqual(delivered, ['first', 'with it']);
    clock.turnTo(300);
    propagation.push('next');
    clock.turnTo(2_100);
    propagation.push('with the next');
    assert.deepEqual(delivered, ['first', 'with it']);
    clock.turnTo(2_200);
    assert.deepEqual(delivered, ['first', 'with it', 'next', 'with the next']);
    clock.turnTo(60_000);
    propagation.push('after a pause');
    clock.turnTo(60_200);
    assert.equal(delivered.at(-1), 'after a pause');
    assert.equal(clock.armed, 0);
  });

  it('hands on at once without a delay', () => {
    const { delivered, propagation } = propagationOf(0);
    propagation.push('rule');
    assert.deepEqual(delivered, ['rule']);
  });

  it('forgets what is waiting when it is stopped', () => {
    const { clock, delivered, propagation } = propagationOf(1_000);
    propagation.push('rule');
    propagation.stop();
    clock.turnTo(5_000);
    assert.deepEqual(delivered, []);
  });
});
