import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { stringField } from '../../src/process/json.ts';
import { ask } from '../local/edge-world.ts';
import { eventually } from '../time/eventually.ts';
import { gate } from './gate.ts';
import { ingress, policy } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const challengeIngress = '/apis/networking.k8s.io/v1/namespaces/kube-lego/ingresses/kube-lego';

let stage: Stage;

before(async () => {
  stage = await startStage({ namespaces: ['shop', 'blog'], proxyCa: true });
});
after(() => stage.stop());

describe('a policy that refuses one host of a batch in the challenge Ingress', () => {
  it('fails the Ingress of that host alone, in the words of the policy, and costs no order', async () => {
    await stage.apply(
      ...policy(
        'no-casino',
        { apiGroup: 'networking.k8s.io', resource: 'ingresses', operations: ['CREATE', 'UPDATE'] },
        "object.metadata.namespace != 'kube-lego' || !object.spec.rules.exists(rule, rule.host == 'casino.example.com')",
        'casino.example.com is on the list of the compliance team',
      ),
    );
    await untilPolicyHolds('casino.example.com');
    const good = ['a', 'b', 'c', 'd', 'e'];
    const names = good.map((name) => `shop/${name}`);
    await stage.apply(
      ...good.map((name) => ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [`${name}.example.com`] } })),
      ingress('blog/casino', { tls: { 'casino-tls': ['fine.example.com', 'casino.example.com'] } }),
    );
    await stage.startController();

    await stage.untilIssued(...names);
    const message = await stage.untilWarned('blog/casino', 'ChallengeRuleRefused');
    assert.match(message, /^The challenge Ingress may not carry a rule for casino\.example\.com: /);
    assert.match(message, /casino\.example\.com is on the list of the compliance team/);
    assert.match(message, /Allow the challenge Ingress or HTTPRoute in the namespace that the message names/);
    assert.equal((await stage.view('blog/casino'))?.state, 'backing-off');
    assert.equal(await stage.secret('blog/casino-tls'), undefined);
    assert.equal(await stage.orders(), good.length);
  });
});

describe('somebody who deletes the challenge Ingress in the middle of an order', () => {
  it('finds it repaired, and the order comes to its end', async () => {
    const before = await stage.orders();
    const challenge = gate();
    stage.ca.interfere = ({ path, forward }) =>
      path.startsWith('/chalZ/') ? challenge.pass(forward) : undefined;
    await stage.apply(ingress('shop/deleted', { tls: { 'deleted-tls': ['deleted.example.com'] } }));

    // The CA has been asked, and has not looked yet.
    await challenge.reached;
    assert.equal((await stage.view('shop/deleted'))?.state, 'validating');
    const uid = stringField((await stage.object(challengeIngress))?.['metadata'], 'uid');
    await stage.world.api.expect(challengeIngress, { method: 'DELETE' });
    await eventually('the challenge Ingress is there again, and in effect', async () => {
      const found = stringField((await stage.object(challengeIngress))?.['metadata'], 'uid');
      return found !== undefined && found !== uid && (await answersChallenges('deleted.example.com'));
    });
    challenge.open();

    await stage.untilIssued('shop/deleted');
    assert.equal(await stage.orders(), before + 1);
  });
});

/** A policy takes force a moment after it was created. */
async function untilPolicyHolds(host: string): Promise<void> {
  const probe = ingress('kube-lego/probe', { tls: { probe: [host] } });
  await eventually('the policy is in force', async () => {
    const { status } = await stage.world.api.request(
      '/apis/networking.k8s.io/v1/namespaces/kube-lego/ingresses?dryRun=All',
      { method: 'POST', body: probe },
    );
    return status === 422 || status === 403;
  });
}

async function answersChallenges(host: string): Promise<boolean> {
  const path = `/.well-known/acme-challenge/${'x'.repeat(43)}`;
  const { body } = await ask(stage.world.edge.httpPort, { path, headers: { host } });
  return body.startsWith('x');
}
