import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { standInForCertificates } from './stand-ins.ts';

standInForCertificates();
// They hold for what is imported later.
const { scenarios } = await import('./scenarios.ts');
const { run } = await import('./run.ts');
const { writesOfColdStart } = await import('./ledger-writes.ts');

const seed = 1;

describe('a simulation in small', () => {
  for (const scenario of scenarios) {
    test(`${scenario.name}: ${scenario.title}`, async () => {
      const outcome = await run(scenario, scenario.fast, { ca: 'model', seed });
      assert.deepEqual(outcome.violations, [], `npm run simulate -- --scenario ${scenario.name} --fast`);
      assert.ok(outcome.issuances > 0, 'something happened');
    });
  }

  test('a crash within a second of a refusal: nothing is asked for again before its end', async () => {
    const scenario = scenarios.find(({ name }) => name === 'other-client');
    assert.ok(scenario !== undefined);
    const outcome = await run(scenario, { ingresses: 200, days: 8 }, { ca: 'model', seed: 5 });
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
    const [one, other] = [
      await run(scenario, { ingresses: 50, days: 40 }, { ca: 'model', seed: 7 }),
      await run(scenario, { ingresses: 50, days: 40 }, { ca: 'model', seed: 7 }),
    ];
    const timeless = { seconds: 0, processorSeconds: 0 };
    assert.deepEqual({ ...one, ...timeless }, { ...other, ...timeless });
  });
});
