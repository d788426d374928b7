import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runFaults } from './fault-run.ts';

/** Always the same draws: fresh ones fail somebody else's change. */
const seed = 20_261_129;

describe('two replicas behind faults', () => {
  it(`bring every certificate, at no more orders than needed (seed ${seed})`, async (test) => {
    const { faults, met, orders } = await runFaults({
      seed,
      ingresses: 12,
      // No failover: that takes longer, see `npm run test:chaos -- faults`.
      leaseDuration: 60,
      share: 0.04,
      longestDelay: 1500,
      interval: 0,
      shortestWait: 1,
      cutOff: false,
      outage: undefined,
      tell: () => undefined,
    });
    const again = `npm run test:chaos -- faults --ingresses 12 --seed ${seed}`;
    test.diagnostic(
      `${again}: ${orders} orders, ${[...met.values()].reduce((sum, count) => sum + count, 0)} faults`,
    );
    assert.deepEqual(faults, [], again);
  });
});
