import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testScenarios } from './scenario-tests.ts';

testScenarios(
  'strict',
  (thread) => {
    test('the same seed runs the same way, whatever the threads do', async () => {
      const size = { ingresses: 40, days: 1 };
      const timeless = { seconds: 0, processorSeconds: 0 };
      const one = await thread.run('cold-start', size, 7);
      const other = await thread.run('cold-start', size, 7);
      assert.deepEqual({ ...one, ...timeless }, { ...other, ...timeless });
    });
  },
  ({ name }, { lifetimes }) => {
    if (name !== 'two-years') return;
    const missing = [90, 64, 45].filter((days) => !lifetimes.has(days));
    assert.deepEqual(missing, [], 'lifetimes in days');
  },
);
