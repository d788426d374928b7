import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isLeaderless, leaderCheck, leaderOf, leaderText } from '../../../src/commands/reading/leader.ts';
import { now } from '../../machines/builders.ts';

const second = 1000;
const name = 'kube-lego/kube-lego';
const lease = {
  holder: 'kube-lego-abc',
  acquiredAt: now - 3600 * second,
  renewedAt: now,
  duration: 60 * second,
};

describe('who acts, by the Lease', () => {
  it('is the pod that renews it, with the time since when', () => {
    const leader = leaderOf(name, lease, now + 119 * second);
    assert.equal(leaderText(leader), 'kube-lego-abc leads since 2026-11-24T11:00:00Z.');
    assert.deepEqual([leaderCheck(leader).result, isLeaderless(leader)], ['ok', false]);
  });

  it('is nobody if the pod has not renewed it in time, which is a problem with a remedy', () => {
    const leader = leaderOf(name, lease, now + 121 * second);
    assert.equal(
      leaderText(leader),
      'kube-lego-abc led since 2026-11-24T11:00:00Z, but has not renewed Lease kube-lego/kube-lego since ' +
        '2026-11-24T12:00:00Z: nobody acts. See whether kube-lego runs (kubectl get pods -n kube-lego); its log and ' +
        '/readyz say what keeps it from leading.',
    );
    assert.deepEqual([leaderCheck(leader).result, isLeaderless(leader)], ['problem', true]);
  });

  it('is nobody if it was released, or there is none', () => {
    for (const found of [{ ...lease, holder: '' }, undefined]) {
      const leader = leaderOf(name, found, now);
      assert.match(
        leaderText(leader),
        /^Nobody leads, by Lease kube-lego\/kube-lego, so nobody acts\. See whether/,
      );
      assert.equal(isLeaderless(leader), true);
    }
  });

  it('is unknown if it may not be read', () => {
    const leader = { lease: name, state: 'unknown' } as const;
    assert.deepEqual([leaderCheck(leader).result, isLeaderless(leader)], ['unknown', false]);
  });
});
