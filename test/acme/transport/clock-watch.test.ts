import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ClockWatch } from '../../../src/acme/transport/clock-watch.ts';
import { minute } from '../../machines/builders.ts';

it('a clock that is wrong is told of once, and again after it was right in between', () => {
  const told: unknown[] = [];
  const watch = new ClockWatch('ca.example', { warn: (...words: unknown[]) => told.push(...words) });
  for (const skew of [undefined, 4 * minute, 60 * minute, 61 * minute, 0, -6 * minute]) watch.check({ skew });
  assert.equal(told.length, 2);
  assert.match(
    String(told[0]),
    /^The local clock is 60 minutes behind that of ca\.example: .*Synchronise the clocks/,
  );
  assert.match(String(told[1]), /^The local clock is 6 minutes ahead of that of ca\.example/);
});
