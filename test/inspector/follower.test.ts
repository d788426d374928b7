import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FollowerStanding, followerPage, followerView } from '../../src/inspector/follower.ts';

const standing: FollowerStanding = {
  pod: 'kube-lego-b',
  leader: 'kube-lego-a',
  waitingFor: 'kube-lego-a leads',
  namespace: 'kube-lego',
  port: 9403,
};

describe('the page of a replica that follows', () => {
  it('leads to the pod that leads', () => {
    const { command } = followerView(standing);
    assert.equal(command, 'kubectl -n kube-lego port-forward pod/kube-lego-a 9403:9403');
    assert.ok(followerPage(followerView(standing)).includes(`<pre>${command}</pre>`));
  });

  it('makes no command of an identity that is no name of a pod, and no markup of any text', () => {
    const leader = '<b>$(reboot)</b>';
    const view = followerView({ ...standing, leader, waitingFor: `${leader} leads` });
    assert.deepEqual([view.leader, view.command], [undefined, undefined]);
    assert.doesNotMatch(followerPage(view), /<b>|<pre>/);
  });
});
