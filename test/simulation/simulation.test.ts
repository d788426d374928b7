import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writesOfColdStart } from './ledger-writes.ts';
import { testScenarios } from './scenario-tests.ts';
import { scenarios } from './scenarios.ts';

testScenarios('model', (thread) => {
  test('a crash within a second of a refusal: nothing is asked for again before its end', async () => {
    const outcome = await thread.run('other-client', { ingresses: 200, days: 8 }, 5);
    assert.deepEqual(outcome.violations, []);
  });

  test('what the ledger writes in a cold start with failing hosts stays small: at most two writes and 100 bytes for each name', async () => {
    const names = 500;
    const { bytes, mostKept, took, writes } = await writesOfColdStart(names);
    assert.ok(writes > 0 && writes <= 2 * names, `${writes} writes`);
    assert.ok(mostKept <= 100 * names, `${mostKept} bytes kept`);
    assert.ok(bytes / (took / 1000) <= 1500, `${bytes} bytes in ${took} ms`);
  });

  test('the same seed runs the same way', async () => {
    const [scenario] = scenarios;
    assert.ok(scenario !== undefined);
    const size = { ingresses: 50, days: 40 };
    const one = await thread.run(scenario.name, size, 7);
    const other = await thread.run(scenario.name, size, 7);
    const timeless = { seconds: 0, processorSeconds: 0 };
    assert.deepEqual({ ...one, ...timeless }, { ...other, ...timeless });
  });
});
