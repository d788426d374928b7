import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../time/eventually.ts';
import { ingress, type Manifest } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const deadHosts = Array.from({ length: 50 }, (_, index) => `dead-${index}.example.com`);
const goodHosts = Array.from({ length: 10 }, (_, index) => `good-${index}.example.com`);

let stage: Stage;

before(async () => {
  stage = await startStage({ namespaces: ['shop'] });
});
after(() => stage.stop());

describe('50 dead hosts that were there before 10 good ones', () => {
  it('hold none of them up, and cost the CA nothing', async () => {
    // Half of them have no address; half are of a class that no ingress controller serves, so that somebody else answers.
    const withoutAddress = deadHosts.filter((_, index) => index % 2 === 0);
    await Promise.all(withoutAddress.map((host) => stage.world.dns.setNoAddress(host)));
    await stage.apply(...deadHosts.map((host, index) => site(host, index % 2 === 0 ? undefined : 'nobody')));
    await stage.startController({ LEGO_SELF_CHECK_TIMEOUT: '10m' });
    await eventually(
      'all dead hosts are checked',
      async () => (await inState('provisioning-challenge')).length === deadHosts.length,
    );

    await stage.apply(...goodHosts.map((host) => site(host)));
    await stage.untilIssued(...goodHosts.map(keyOf));

    // The good ones are through while every dead one is still being checked: none has waited for one of them.
    assert.deepEqual(await inState('provisioning-challenge'), deadHosts.map(keyOf).toSorted());
    assert.equal(await stage.orders(), goodHosts.length);
  });

  it('are told why, one by one, when their time is up', async () => {
    await stage.controller.stop();
    await stage.startController({ LEGO_SELF_CHECK_TIMEOUT: '20s' });
    // The self-check takes a third of a minute.
    await eventually(
      'all dead hosts are given up for now',
      async () => (await inState('backing-off')).length === deadHosts.length,
      80_000,
    );

    const remedy = "Point the host's DNS at the ingress controller";
    const noAddress = await stage.untilWarned(
      keyOf('dead-0.example.com'),
      'SelfCheckFailed',
      /^Host dead-0\.example\.com .*address/,
    );
    assert.ok(noAddress.includes(remedy), noAddress);
    const noClass = await stage.untilWarned(keyOf('dead-1.example.com'), 'IngressClassNotFound');
    assert.match(noClass, /^Host dead-1\.example\.com answers the challenge with status 404 from 127/);
    assert.match(noClass, /, and there is no IngressClass nobody\. Correct spec\.ingressClassName/);
    assert.equal(await stage.orders(), goodHosts.length);
  });
});

async function inState(state: string): Promise<string[]> {
  const views = await stage.controller.views();
  return views
    .filter((view) => view.state === state)
    .map((view) => view.ingress)
    .toSorted();
}

function keyOf(host: string): string {
  return `shop/${host.split('.')[0] ?? ''}`;
}

function site(host: string, className?: string): Manifest {
  const tls = { [`${host}-tls`]: [host] };
  return ingress(keyOf(host), className === undefined ? { tls } : { tls, className });
}
