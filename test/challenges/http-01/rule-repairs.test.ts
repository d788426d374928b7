import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RuleRepairs } from '../../../src/challenges/http-01/challenge-ingress/rule-repairs.ts';
import { ManualClock } from '../../time/manual-clock.ts';

const rules = new Map([['a.example', 'a.example']]);
const placed = { rules, thumbprint: 'of the account key' };

describe('a write of challenge rules', () => {
  const repairs = (): RuleRepairs => {
    const made = new RuleRepairs(new ManualClock(), 1000);
    made.placed(placed);
    return made;
  };

  it('is a repair if it repeats the last one', () => {
    assert.equal(repairs().isRepair(placed), true);
    assert.equal(repairs().wasPlaced('a.example', 'a.example', placed.thumbprint), true);
  });

  for (const [what, change] of [
    ['another host', { rules: new Map([...rules, ['b.example', 'b.example']]) }],
    ['another rule for its host', { rules: new Map([['a.example', '*.example']]) }],
    ['a new account key', { thumbprint: 'of the next account key' }],
  ] as const) {
    it(`is none with ${what}: nobody has taken it away`, () => {
      const next = { ...placed, ...change };
      assert.equal(repairs().isRepair(next), false);
    });
  }

  it('is none after the object was deleted', () => {
    const made = repairs();
    made.removed();
    assert.equal(made.isRepair(placed), false);
  });
});
