import assert from 'node:assert/strict';
import { it } from 'node:test';
import { guarded } from '../../src/process/guarded.ts';

it('what is thrown does not get out, is told once, and stops nothing that comes later', () => {
  const told: unknown[] = [];
  const done: number[] = [];
  const run = guarded(
    (number: number) => {
      if (number < 3) throw new Error(`no ${number}`);
      done.push(number);
    },
    (error) => told.push(error),
  );
  for (const number of [1, 2, 3, 4]) run(number);
  assert.match(String(told), /^Error: no 1$/);
  assert.deepEqual(done, [3, 4]);
});
