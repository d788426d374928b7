import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Breaker } from '../../../machines/authority/breaker.ts';
import { day, hour, minute, now } from '../builders.ts';

/** As it stands before new orders. */
function newBreaker(): Breaker {
  return new Breaker({ threshold: 2, longestProbe: 5 * minute });
}

function broken(retryAfter?: number): { breaker: Breaker; until: number } {
  const breaker = newBreaker();
  breaker.failed('a', now);
  breaker.failed('b', now, retryAfter);
  return { breaker, until: breaker.closedUntil(now) ?? assert.fail('it is not open') };
}

describe('the breaker', () => {
  it('lets everybody through while the CA is well, and after a single failure', () => {
    const breaker = newBreaker();
    breaker.failed('a', now);
    for (const id of ['a', 'b', 'c']) assert.ok(breaker.enter(id, now));
    assert.equal(breaker.closedUntil(now), undefined);
  });

  it('keeps everybody back after two failures, then lets one try', () => {
    const { breaker, until } = broken();
    assert.equal(breaker.enter('c', now), false);
    assert.equal(breaker.enter('c', until - 1), false);
    assert.equal(breaker.enter('c', until), true);
    assert.equal(breaker.enter('d', until), false);
    assert.equal(breaker.enter('c', until), true, 'the one that tries may go on');
  });

  it('lets all go on after the first good answer', () => {
    const { breaker, until } = broken();
    breaker.enter('c', until);
    breaker.succeeded(until);
    for (const id of ['c', 'd', 'e']) assert.ok(breaker.enter(id, until));
    assert.equal(breaker.open, false);
    // Nobody is waited for who has had its answer.
    breaker.failed('d', until + 1);
    breaker.failed('e', until + 1);
    assert.ok(breaker.enter('d', breaker.closedUntil(until + 1) ?? 0));
  });

  it('honours Retry-After of a first failure already, and never shortens it', () => {
    const breaker = newBreaker();
    breaker.failed('a', now, hour);
    breaker.failed('b', now, minute);
    assert.equal(breaker.closedUntil(now), now + hour);
  });

  it('honours one of weeks, too', () => {
    const breaker = newBreaker();
    breaker.failed('a', now, 30 * day);
    assert.equal(breaker.closedUntil(now), now + 30 * day);
    assert.equal(breaker.namedUntil(now), now + 30 * day);
    assert.equal(breaker.namedUntil(now + 30 * day), undefined);
  });

  it('takes no answer to what was under way for the end of a wait that the CA asks for', () => {
    const breaker = newBreaker();
    breaker.failed('a', now, 10 * minute);
    breaker.succeeded(now + minute);
    assert.equal(breaker.enter('b', now + 2 * minute), false);
    assert.equal(breaker.closedUntil(now + 2 * minute), now + 10 * minute);
    assert.equal(breaker.enter('b', now + 10 * minute), true);
  });

  it('waits longer from try to try, at most about five minutes', () => {
    const { breaker, until } = broken();
    let time = until;
    const pauses: number[] = [until - now];
    for (let count = 0; count < 6; count += 1) {
      assert.ok(breaker.enter('c', time));
      breaker.failed('c', time);
      const next = breaker.closedUntil(time) ?? 0;
      pauses.push(next - time);
      time = next;
    }
    for (const [index, step] of [5, 15, 60, 300, 300, 300, 300].entries()) {
      const ratio = (pauses[index] ?? 0) / (step * 1000);
      assert.ok(ratio >= 0.85 && ratio <= 1.15, pauses.join());
    }
  });

  it('counts the failures of those that were under way together once', () => {
    const { breaker, until } = broken();
    for (let count = 0; count < 50; count += 1) breaker.failed(`other-${count}`, now + count);
    assert.ok((breaker.closedUntil(now) ?? 0) < until + 2000);
  });

  it('lets another try when the one that was to gives up, or is never heard of', () => {
    const { breaker, until } = broken();
    breaker.enter('c', until);
    breaker.left('c');
    assert.ok(breaker.enter('d', until));
    assert.equal(breaker.enter('e', until + minute), false);
    assert.ok(breaker.enter('e', breaker.closedUntil(until + minute) ?? 0));
  });

  it('lets no second one try when the clock goes back by a second', () => {
    const { breaker, until } = broken();
    assert.equal(breaker.enter('c', until + 1000), true);
    assert.equal(breaker.enter('d', until), false);
  });

  it('is not closed for years by a clock that was wrong', () => {
    const breaker = newBreaker();
    breaker.failed('a', now + 900 * 24 * hour, hour);
    assert.ok((breaker.closedUntil(now) ?? 0) < now + 6000);
    assert.equal(breaker.namedUntil(now), undefined);
  });

  it('keeps nobody longer than its own longest pause when the clock is set back, unless the CA has named more', () => {
    const { breaker } = broken();
    assert.ok((breaker.closedUntil(now - hour) ?? 0) <= now - hour + 6000);
    const named = broken(2 * hour).breaker;
    assert.equal(named.closedUntil(now - hour), now + 2 * hour);
  });

  it('never lets two try at once, and never before the time that the CA named, whatever happens', () => {
    const step = fc.record({
      type: fc.constantFrom('enter', 'enter', 'enter', 'failed', 'succeeded', 'left'),
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      wait: fc.nat(minute),
      retryAfter: fc.option(fc.nat(10 * minute), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const breaker = newBreaker();
        let time = now;
        let named = 0;
        let probe: { id: string; until: number } | undefined;
        for (const { type, id, wait, retryAfter } of steps) {
          time += wait;
          if (type === 'enter') {
            const trouble = breaker.open;
            if (!breaker.enter(id, time)) continue;
            if (probe?.id !== id) assert.ok(time >= named);
            if (!trouble) continue;
            assert.ok(probe === undefined || probe.id === id || probe.until <= time);
            if (probe?.id !== id || probe.until <= time) probe = { id, until: time + 5 * minute };
          } else if (type === 'failed') {
            breaker.failed(id, time, retryAfter);
            if (retryAfter !== undefined) named = Math.max(named, time + retryAfter);
            if (probe?.id === id) probe = undefined;
          } else if (type === 'succeeded') {
            breaker.succeeded(time);
            probe = undefined;
          } else {
            breaker.left(id);
            if (probe?.id === id) probe = undefined;
          }
        }
      }),
      { seed: 20261124, numRuns: 500 },
    );
  });
});
