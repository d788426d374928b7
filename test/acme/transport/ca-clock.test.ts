import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { CaClock } from '../../../src/acme/transport/ca-clock.ts';

/** The Date header of a CA whose clock is ahead by `ahead`, for an answer written at `now`. */
function dateHeader(now: number, ahead: number): number {
  return Math.floor((now + ahead) / 1000) * 1000;
}

describe('the CA clock', () => {
  it('is never taken to be later than it is, and ever closer to it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -4_000_000, max: 4_000_000 }),
        fc.array(fc.record({ pause: fc.nat(5000), way: fc.nat(300), back: fc.nat(300) }), { minLength: 1 }),
        (ahead, exchanges) => {
          const clock = new CaClock();
          let now = 1_700_000_000_000;
          let error = Number.POSITIVE_INFINITY;
          for (const { pause, way, back } of exchanges) {
            const sentAt = now + pause;
            const receivedAt = sentAt + way + back;
            const believed = clock.observe(dateHeader(sentAt + way, ahead), sentAt, receivedAt);
            now = receivedAt;
            const late = receivedAt + ahead - believed;
            assert.ok(late >= 0, 'not later than it is');
            assert.ok(late <= error, 'no worse than before');
            error = late;
          }
          assert.ok(error <= 1000 + 600);
        },
      ),
    );
  });

  it('is learned anew when one of the two clocks was set back', () => {
    const clock = new CaClock();
    clock.observe(dateHeader(10_000, 3_600_000), 10_000, 10_050);
    assert.equal(clock.offset, 3_599_950);
    clock.observe(dateHeader(20_000, 0), 20_000, 20_050);
    assert.equal(clock.offset, -50);
  });
});
