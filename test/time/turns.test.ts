import assert from 'node:assert/strict';
import { readFile } from 'node:fs';
import { it } from 'node:test';
import { Turns } from '../../src/time/turns.ts';

it('others have their turn, also when the work began with I/O', async () => {
  await new Promise<void>((resolve, reject) => {
    readFile(import.meta.filename, () => {
      let others = false;
      setTimeout(() => {
        others = true;
      }, 0);
      const turns = new Turns();
      while (!turns.isOver);
      turns
        .next()
        .then(() => assert.deepEqual([others, turns.isOver], [true, false]))
        .then(resolve, reject);
    });
  });
});
