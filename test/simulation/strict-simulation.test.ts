import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { standInForThreads } from './stand-ins.ts';
import { day } from './time-units.ts';

standInForThreads();
// It holds for what is imported later.
const { scenarios } = await import('./scenarios.ts');
const { run } = await import('./run.ts');

const ca = 'strict';

describe('a simulation against the strict CA', () => {
  for (const scenario of scenarios) {
    test(`${scenario.name}: ${scenario.title}`, async () => {
      const lifetimes = new Set<number>();
      const outcome = await run(scenario, scenario.strict, {
        ca,
        seed: 1,
        watch: ({ cluster }) => {
          const { onStored } = cluster;
          cluster.onStored = (secret, certificate) => {
            lifetimes.add(Math.round((certificate.notAfter - certificate.notBefore) / day));
            onStored?.(secret, certificate);
          };
        },
      });
      assert.deepEqual(outcome.violations, [], `npm run simulate -- --ca strict --scenario ${scenario.name}`);
      assert.ok(outcome.issuances > 0, 'something happened');
      if (scenario.name !== 'two-years') return;
      assert.deepEqual(
        [90, 64, 45].filter((days) => !lifetimes.has(days)),
        [],
        'lifetimes in days',
      );
    });
  }

  test('the same seed runs the same way, whatever the threads do', async () => {
    const scenario = scenarios.find(({ name }) => name === 'cold-start') ?? assert.fail();
    const size = { ingresses: 40, days: 1 };
    const timeless = { seconds: 0, processorSeconds: 0 };
    const one = await run(scenario, size, { ca, seed: 7 });
    const other = await run(scenario, size, { ca, seed: 7 });
    assert.deepEqual({ ...one, ...timeless }, { ...other, ...timeless });
  });
});
