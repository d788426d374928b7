import { describe, it } from 'node:test';
import { fuzzTargets } from './targets.ts';

/** Always the same inputs: a new one that fails would fail somebody else's change. `npm run test:chaos -- fuzz` draws new ones. */
const seed = 20_261_129;
const inputs = 60;

describe('whatever comes in from outside', () => {
  for (const target of fuzzTargets) {
    it(`in place of ${target.name}: nothing crashes, hangs or is reflected`, () => target.run(seed, inputs));
  }
});
