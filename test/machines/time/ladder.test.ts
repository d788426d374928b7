import assert from 'node:assert/strict';
import { test } from 'node:test';
import { day, minute, second } from '../../../machines/time/durations.ts';
import { jittered, pauseAfter, refusalLadder, transientLadder } from '../../../machines/time/ladder.ts';

test('the pauses grow with the failures in a row, and the last one repeats', () => {
  const pauses = [1, 2, 3, 4, 5, 1000].map((failures) => pauseAfter(refusalLadder, failures));
  assert.deepEqual(pauses, [minute, 10 * minute, 100 * minute, day, day, day]);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((failures) => pauseAfter(transientLadder, failures)),
    [5 * second, 15 * second, minute, 5 * minute, 5 * minute],
  );
});

test('a count that is no count of failures pauses as after the first', () => {
  assert.equal(pauseAfter(refusalLadder, 0), minute);
  assert.equal(pauseAfter(refusalLadder, -3), minute);
});

test('jitter spreads over 15 % on either side, repeatably', () => {
  const pauses = Array.from({ length: 1000 }, (_, index) => jittered(1000, `certificate-${index}`));
  assert.ok(Math.min(...pauses) >= 850 && Math.min(...pauses) < 860);
  assert.ok(Math.max(...pauses) <= 1150 && Math.max(...pauses) > 1140);
  assert.equal(jittered(1000, 'certificate-7'), pauses[7]);
});
