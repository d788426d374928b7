import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../time/eventually.ts';
import type { Interference } from './faulty-proxy.ts';
import { ingress } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

let stage: Stage;
/** What was asked of the CA of the rehearsal: the same pebble, by another way. */
const rehearsed: string[] = [];
let refusing = false;

const watch: Interference = ({ method, path }) => {
  if (method === 'POST') rehearsed.push(path);
  if (!refusing || path !== '/order-plz') return undefined;
  const problem = {
    type: 'urn:ietf:params:acme:error:rejectedIdentifier',
    detail: 'The CA does not like "refused.example.com"',
    status: 400,
  };
  return Promise.resolve({
    status: 400,
    headers: { 'content-type': 'application/problem+json' },
    body: JSON.stringify(problem),
  });
};

function rehearsals(): number {
  return rehearsed.filter((path) => path === '/order-plz').length;
}

describe('LEGO_REHEARSE=first', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'], proxyCa: true });
    stage.ca.interfere = watch;
    const { directoryUrl, caBundle } = stage.world.pebble;
    const bundle = join(stage.world.session.directory, 'both.pem');
    await writeFile(bundle, (await readFile(caBundle, 'utf8')) + stage.ca.caPem);
    await stage.startController({
      LEGO_URL: directoryUrl,
      LEGO_REHEARSE: 'first',
      LEGO_REHEARSAL_URL: stage.directoryUrl,
      LEGO_CA_BUNDLE: bundle,
    });
  });
  after(() => stage.stop());

  it('orders a new set at the other CA first, with the same account key, and then at the real one', async () => {
    await stage.apply(ingress('shop/new', { tls: { 'new-tls': ['new.example.com'] } }));
    await stage.untilIssued('shop/new');
    assert.equal(rehearsals(), 1);
    assert.equal(await stage.orders(), 2);
    const metadata = (await stage.object('/api/v1/namespaces/shop/secrets/new-tls'))?.['metadata'];
    assert.ok(JSON.stringify(metadata).includes(stage.world.pebble.directoryUrl));
    assert.equal(stage.directoryUrl === stage.world.pebble.directoryUrl, false);
  });

  it('leaves the real CA alone when the rehearsal fails, and says which it was', async () => {
    refusing = true;
    await stage.apply(ingress('shop/refused', { tls: { 'refused-tls': ['refused.example.com'] } }));
    const message = await stage.untilWarned('shop/refused', 'OrderFailed');
    assert.match(message, /^In the rehearsal \(LEGO_REHEARSE\): No certificate for refused\.example\.com/);
    assert.equal(await stage.orders(), 2);
    assert.equal(rehearsals(), 2);
  });

  it('asks both again when it is mended', async () => {
    refusing = false;
    const tls = { 'refused-tls': ['refused.example.com'] };
    await stage.apply(ingress('shop/refused', { tls, annotations: { 'kube-lego.io/retry': 'mended' } }));
    await stage.untilIssued('shop/refused');
    await eventually('both were asked', async () => (await stage.orders()) === 4 && rehearsals() === 3);
  });
});
