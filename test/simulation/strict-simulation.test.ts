import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { scenarios } from './scenarios.ts';
import { SimulationThread } from './simulation-thread.ts';

const thread = new SimulationThread('strict');
after(() => thread[Symbol.asyncDispose]());

describe('a simulation against the strict CA', () => {
  for (const { name, title, strict } of scenarios) {
    test(`${name}: ${title}`, async () => {
      const outcome = await thread.run(name, strict, 1);
      assert.deepEqual(outcome.violations, [], `npm run simulate -- --ca strict --scenario ${name}`);
      assert.ok(outcome.issuances > 0, 'something happened');
      if (name !== 'two-years') return;
      assert.deepEqual(
        [90, 64, 45].filter((days) => !outcome.lifetimes.has(days)),
        [],
        'lifetimes in days',
      );
    });
  }

  test('the same seed runs the same way, whatever the threads do', async () => {
    const size = { ingresses: 40, days: 1 };
    const timeless = { seconds: 0, processorSeconds: 0 };
    const one = await thread.run('cold-start', size, 7);
    const other = await thread.run('cold-start', size, 7);
    assert.deepEqual({ ...one, ...timeless }, { ...other, ...timeless });
  });
});
