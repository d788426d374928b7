import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Schedule } from '../../../machines/time/schedule.ts';
import { day, now } from '../builders.ts';

const seed = 20261124;

/** The plainest schedule that is right: a list, sorted whenever it is asked. */
class SortedList {
  readonly #times = new Map<string, number>();

  set(key: string, at: number): void {
    this.#times.set(key, at);
  }

  delete(key: string): void {
    this.#times.delete(key);
  }

  next(): number | undefined {
    return this.#sorted()[0]?.[1];
  }

  takeDue(time: number): [string, number][] {
    const due = this.#sorted().filter(([, at]) => at <= time);
    for (const [key] of due) this.#times.delete(key);
    return due;
  }

  timeOf(key: string): number | undefined {
    return this.#times.get(key);
  }

  #sorted(): [string, number][] {
    return [...this.#times].toSorted(([, one], [, other]) => one - other);
  }
}

const keys = 'abcdefghijkl'.split('');
const key = fc.constantFrom(...keys);
const at = fc.nat(30);
const change = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('set' as const), key, at }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('takeDue' as const), at }) },
);

describe('a schedule', () => {
  it('does what a sorted list would do', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 50, maxLength: 400 }), (changes) => {
        const schedule = new Schedule();
        const list = new SortedList();
        for (const step of changes) {
          if (step.type === 'set') {
            schedule.set(step.key, step.at);
            list.set(step.key, step.at);
          } else if (step.type === 'delete') {
            schedule.delete(step.key);
            list.delete(step.key);
          } else {
            const times = new Map(keys.map((each) => [each, list.timeOf(each)]));
            const taken = schedule.takeDue(step.at).map((each) => [each, times.get(each)] as const);
            const expected = list.takeDue(step.at);
            assert.deepEqual(
              taken.map(([, time]) => time),
              expected.map(([, time]) => time),
              'the earliest first',
            );
            assert.deepEqual(
              taken.map(([each]) => each).toSorted(),
              expected.map(([each]) => each).toSorted(),
            );
          }
          assert.equal(schedule.next(), list.next());
        }
      }),
      { seed },
    );
  });

  it('keeps a time beyond the 24.8 days of a timer', () => {
    const schedule = new Schedule();
    schedule.set('renewal', now + 60 * day);
    assert.deepEqual(schedule.takeDue(now + 59 * day), []);
    assert.equal(schedule.next(), now + 60 * day);
    assert.deepEqual(schedule.takeDue(now + 60 * day), ['renewal']);
    assert.equal(schedule.next(), undefined);
  });

  it('gives a key that was set again back once, at its last time', () => {
    const schedule = new Schedule();
    for (const time of [5, 9, 5, 7]) schedule.set('a', time);
    assert.deepEqual(schedule.takeDue(6), []);
    assert.deepEqual(schedule.takeDue(100), ['a']);
    assert.deepEqual(schedule.takeDue(100), []);
  });
});
