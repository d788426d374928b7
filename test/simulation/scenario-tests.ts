import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { Outcome } from './run.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import { argumentsFor } from './simulate-options.ts';
import { SimulationThread } from './simulation-thread.ts';
import type { CaKind } from './world.ts';

/** Scenarios in which something fails all the time: half of the work. They are a file of tests of their own, for another process. */
const troubles: ReadonlySet<string> = new Set(['ca-outage', 'busy-ca', 'failing-hosts', 'clock-jumps']);

/** Always the same: what another one shows must not stop a change that has nothing to do with it. */
const seed = 1;

export const troubled = scenarios.filter(({ name }) => troubles.has(name));
export const untroubled = scenarios.filter(({ name }) => !troubles.has(name));

/** Declares a test for each scenario, and more tests that run in the same thread. */
export function testScenarios(
  ca: CaKind,
  chosen: readonly Scenario[],
  more?: (thread: SimulationThread) => void,
  check?: (scenario: Scenario, outcome: Outcome) => void,
): void {
  const thread = new SimulationThread(ca);
  after(() => thread[Symbol.asyncDispose]());
  const size = ca === 'strict' ? 'strict' : 'fast';
  describe(`a simulation against the ${ca} CA`, () => {
    for (const scenario of chosen) {
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
