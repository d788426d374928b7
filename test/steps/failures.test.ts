import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { challengeFailed, OrderError } from '../../src/acme/protocol/order-error.ts';
import { failureOf } from '../../src/steps/failures.ts';
import { now } from '../machines/builders.ts';

function problemOf(type: string) {
  return { type, detail: 'What the CA says.', status: 400, subproblems: [], instance: undefined };
}

describe('the failure of an order', () => {
  it('says whether the CA did not find a host: its record may come at any moment', () => {
    const failed = (...types: string[]) =>
      challengeFailed(
        'ca.example',
        types.map((type, index) => ({ host: `${index}.example.com`, problem: problemOf(type) })),
      );
    assert.equal(failureOf(failed('dns'), now).unresolved, true);
    assert.equal(failureOf(failed('connection', 'dns'), now).unresolved, true);
    assert.equal(failureOf(failed('connection'), now).unresolved, undefined);
  });

  it('has a reason of its own where the CA does not offer the profile', () => {
    const ours = new OrderError('profile-not-offered', 'It is not in the directory.');
    const theirs = new OrderError('refused', 'It is refused.', { problem: problemOf('invalidProfile') });
    for (const error of [ours, theirs]) assert.equal(failureOf(error, now).code, 'ProfileNotOffered');
  });
});
