import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { Outcome } from './run.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import { argumentsFor } from './simulate-options.ts';
import { SimulationThread } from './simulation-thread.ts';
import type { CaKind } from './world.ts';

/** Always the same: what another one shows must not stop a change that has nothing to do with it. */
const seed = 1;

/**
 * Declares a test for each scenario, and more tests that run in the same thread: in a second one the engine would warm up, and compile
 * all of the product, once more.
 */
export function testScenarios(
  ca: CaKind,
  more?: (thread: SimulationThread) => void,
  check?: (scenario: Scenario, outcome: Outcome) => void,
): void {
  const thread = new SimulationThread(ca);
  after(() => thread[Symbol.asyncDispose]());
  const size = ca === 'strict' ? 'strict' : 'fast';
  describe(`a simulation against the ${ca} CA`, () => {
    for (const scenario of scenarios) {
      const { name, title } = scenario;
      const command = `npm run simulate -- ${argumentsFor(scenario, ca, seed, scenario[size]).join(' ')}`;
      test(`${name}: ${title}`, async () => {
        const outcome = await thread.run(name, scenario[size], seed);
        const repeat = `${outcome.violations.join('\n')}\nTo repeat it: ${command}`;
        assert.deepEqual(outcome.violations, [], repeat);
        assert.ok(outcome.issuances > 0, 'something happened');
        check?.(scenario, outcome);
      });
    }
    more?.(thread);
  });
}
