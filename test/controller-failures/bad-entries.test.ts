import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostsIn, nextSecond } from '../controller/observation.ts';
import { type BadEntry, badEntries, uncommonHosts } from './bad-entries.ts';
import { ingress, ingressPath, type Manifest } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const goodHosts = ['good.example.com', ...uncommonHosts];
const all = Object.values<BadEntry>(badEntries);

let stage: Stage;

describe('an Ingress with every kind of bad entry beside a good one', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
    await stage.apply(site());
    // A public CA as far as the controller knows: that its root is trusted comes from elsewhere.
    await stage.startController({
      LEGO_CA_BUNDLE: '',
      NODE_EXTRA_CA_CERTS: stage.world.pebble.caBundle,
    });
  });
  after(() => stage.stop());

  it('gets the certificate of the good one, whose hosts are long, named twice, and in two entries', async () => {
    await stage.untilView('shop/mixed', 'the good entry is stored', ({ notAfter }) => notAfter !== undefined);
    assert.deepEqual(await hostsIn(stage, 'shop/good-tls'), goodHosts.toSorted());
    assert.equal(await stage.orders(), 1);
  });

  it('is told of each bad one, once, also when others write to it', async () => {
    const { problems } = await stage.untilState('shop/mixed', 'idle');
    for (const { told: pattern } of all)
      assert.equal(problems.filter((it) => pattern.test(it)).length, 1, String(pattern));
    await stage.world.api.expect(ingressPath('shop/mixed'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: { team: 'shop' } } },
    });
    await nextSecond();
    await stage.controller.stop();
    const messages = (await stage.events('shop/mixed')).map(({ message }) => message);
    assert.equal(new Set(messages).size, messages.length, messages.join('\n'));
    for (const { told: pattern } of all)
      assert.equal(
        messages.filter((it) => pattern.test(it)).length,
        1,
        `${String(pattern)} in\n${messages.join('\n')}`,
      );
  });

  it('gets one for a private name where the CA is a private one', async () => {
    await stage.startController();
    await stage.untilView('shop/mixed', 'the private name is no problem', ({ problems, state }) => {
      return state === 'idle' && !problems.some((problem) => problem.includes('.internal'));
    });
    assert.match((await stage.secret('shop/private-tls'))?.['tls.crt'] ?? '', /BEGIN CERTIFICATE/);
    assert.equal(await stage.orders(), 2);
  });
});

/** The API server refuses rules for some of these hosts, but takes all of them under `tls`. */
function site(): Manifest {
  const manifest = ingress('shop/mixed', { tls: { 'good-tls': [...goodHosts, 'db.internal'] } });
  const { rules } = Object(manifest['spec']);
  return {
    ...manifest,
    spec: {
      rules,
      tls: [
        { secretName: 'good-tls', hosts: goodHosts.slice(0, 2) },
        ...all.map(({ entry }) => entry),
        { secretName: 'good-tls', hosts: [...goodHosts.slice(1), ...goodHosts.slice(1)] },
      ],
    },
  };
}
