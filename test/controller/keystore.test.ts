import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { recordField } from '../../src/process/json.ts';
import { openPkcs12 } from '../certificate/open-pkcs12.ts';
import { ingress, ingressPath, secret, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { statusTextOf } from '../kubernetes/records/written-status.ts';
import { eventually } from '../time/eventually.ts';

const key = 'shop/java';
const annotations = {
  'kube-lego.io/keystore': 'pkcs12',
  'kube-lego.io/keystore-password': 'passwords/java',
};

let stage: Stage;

describe('an Ingress that asks for a keystore', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
    await stage.startController();
  });
  after(() => stage.stop());

  it('gets its certificate without a password, and is told what is missing', async () => {
    await stage.apply(ingress(key, { tls: { 'java-tls': ['java.example.com'] }, annotations }));
    await stage.untilIssued(key);
    const secretNow = await stage.secret('shop/java-tls');
    assert.ok(secretNow?.['tls.crt'] && secretNow['keystore.p12'] === undefined);
    await eventually('the notice is on the Ingress', async () =>
      /"KeystoreNotWritten"/.test(statusTextOf(await stage.object(ingressPath(key))) ?? ''),
    );
  });

  it('gets it when there is a password, another for another one, and keeps its certificate', async () => {
    const orders = await stage.orders();
    for (const password of ['first', 'second']) {
      await stage.apply(secret('shop/passwords', { java: password }, { type: 'Opaque' }));
      await patch({ 'kube-lego.io/retry': password });
      await untilOpenedWith(password);
    }
    assert.equal(await stage.orders(), orders);
    await eventually(
      'the notice is gone',
      async () => !/"KeystoreNotWritten"/.test(statusTextOf(await stage.object(ingressPath(key))) ?? ''),
    );
  });

  it('has one of the new certificate as soon as that is stored', async () => {
    await stage.world.api.expect(secretPath('shop/java-tls'), { method: 'DELETE' });
    await patch({ 'kube-lego.io/retry': 'lost' });
    await untilOpenedWith('second');
  });

  it('has none when it asks for none', async () => {
    const orders = await stage.orders();
    await patch({ 'kube-lego.io/keystore': null, 'kube-lego.io/keystore-password': null });
    await eventually(
      'it is gone',
      async () => (await stage.secret('shop/java-tls'))?.['keystore.p12'] === undefined,
    );
    assert.equal(await stage.orders(), orders);
  });
});

function patch(changes: Readonly<Record<string, string | null>>): Promise<unknown> {
  const body = { metadata: { annotations: changes } };
  const contentType = 'application/merge-patch+json';
  return stage.world.api.expect(ingressPath(key), { method: 'PATCH', contentType, body });
}

/** Waits for a keystore of the certificate that is in the Secret. */
async function untilOpenedWith(password: string): Promise<void> {
  await eventually(`the keystore opens with ${password}`, async () => {
    const data = recordField(await stage.object(secretPath('shop/java-tls')), 'data');
    const [stored, keystore] = ['tls.crt', 'keystore.p12'].map((field) => {
      const value = data?.[field];
      return typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
    });
    if (stored === undefined || keystore === undefined) return false;
    const opened = await openPkcs12(keystore, password).catch(() => undefined);
    const leaf = opened?.certificates[0];
    return leaf !== undefined && new X509Certificate(leaf).raw.equals(new X509Certificate(stored).raw);
  });
}
