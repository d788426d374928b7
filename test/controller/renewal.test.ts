import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ingress, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { assertStored } from './certificate.ts';

let stage: Stage;

describe('a certificate that ends soon, where the CA has no word on renewals,', () => {
  before(async () => {
    const brief = { description: 'for seconds', validityPeriod: 16 };
    stage = await startStage({ namespaces: ['shop'], proxyCa: true, pebble: { profiles: { brief } } });
    // pebble's windows are of days, so that the moment drawn in one is either too early or too late for seconds.
    stage.ca.interfere = ({ path }) =>
      path.includes('renewalInfo')
        ? Promise.resolve({ status: 404, headers: { 'content-type': 'text/plain' }, body: 'no such page' })
        : undefined;
    await stage.startController({ LEGO_PROFILE: 'brief' });
  });
  after(() => stage.stop());

  it('is renewed by itself at half of its life, and what else the Secret holds stays', async () => {
    await stage.apply(ingress('shop/brief', { tls: { 'brief-tls': ['brief.example.com'] } }));
    await stage.untilIssued('shop/brief');
    const first = await assertStored(stage, 'shop/brief-tls', ['brief.example.com']);
    await stage.world.api.expect(secretPath('shop/brief-tls'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: {
        metadata: { labels: { team: 'shop' } },
        data: { 'ca.crt': Buffer.from('theirs').toString('base64') },
      },
    });

    const lifetime = first.validToDate.getTime() - first.validFromDate.getTime();
    const { next, notAfter = 0 } = await stage.untilView(
      'shop/brief',
      'its renewal is planned',
      (view) => view.next.action === 'renew brief-tls',
    );
    // The CA's `Date`, by which it is planned, has whole seconds and may come late: it moves a renewal, but never to the end.
    const left = notAfter - (next.at ?? 0);
    assert.ok(left > 0 && left <= lifetime / 2 + 1000, `${left} ms before its end`);

    await eventually('the Secret holds another certificate', async () => {
      const leaf = await assertStored(stage, 'shop/brief-tls', ['brief.example.com']);
      return leaf.serialNumber !== first.serialNumber;
    });
    const renewed = await assertStored(stage, 'shop/brief-tls', ['brief.example.com']);
    const half = first.validFromDate.getTime() + lifetime / 2;
    assert.ok(renewed.validFromDate.getTime() >= half - 1000, 'not before its time');
    assert.equal((await stage.secret('shop/brief-tls'))?.['ca.crt'], 'theirs');
    await eventually('people are told', async () => {
      return (await stage.events('shop/brief')).some(({ reason }) => reason === 'CertificateRenewed');
    });
  });
});
