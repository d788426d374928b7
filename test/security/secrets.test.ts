import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ApiClient } from '../../deploy/local/api-client.ts';
import { Authority } from '../../deploy/local/authority.ts';
import { statusAnnotation } from '../../machines/ingress/status.ts';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { ingress, ingressPath, type Manifest, secret, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { saidOf } from '../kubernetes/records/written-status.ts';
import { eventually } from '../time/eventually.ts';
import { startTenant } from './tenant.ts';

// mallory may write Ingresses in the namespace shop and read its Events; Secrets she may neither read nor write.

const authority = new Authority('Payments CA of Example Bank');
const payments = authority.issue({ hosts: ['payments.example.com'] });
const theirs = { 'tls.crt': payments.chainPem, 'tls.key': payments.keyPem };

let stage: Stage;
let mallory: ApiClient;

before(async () => {
  stage = await startStage({ namespaces: ['shop'] });
  await stage.startController();
  mallory = await startTenant(stage, 'shop', 'mallory');
});
after(async () => {
  await mallory.close();
  await stage.stop();
});

async function applied(manifest: Manifest): Promise<void> {
  const { namespace, name } = manifest.metadata;
  await mallory.expect(`${ingressPath(`${namespace}/${name}`)}?fieldManager=mallory&force=true`, {
    method: 'PATCH',
    contentType: 'application/apply-patch+yaml',
    body: manifest,
  });
}

/** All that she can read of her Ingress: Events and the status annotation. */
async function told(key: string): Promise<string[]> {
  const [, name] = key.split('/');
  const events = arrayField(await mallory.expect('/api/v1/namespaces/shop/events'), 'items')
    .filter((event) => stringField(recordField(event, 'involvedObject'), 'name') === name)
    .map((event) => `${stringField(event, 'reason')}: ${stringField(event, 'message')}`);
  const status = saidOf(await mallory.expect(ingressPath(key)));
  return [...events, ...(status === '' ? [] : [status])];
}

async function untilTold(key: string, reason: string): Promise<string> {
  let found: string | undefined;
  const isTold = async (): Promise<boolean> => {
    found = (await told(key)).find((text) => text.startsWith(`${reason}: `));
    return found !== undefined;
  };
  await stage.guard(eventually(`${key} is told ${reason}`, isTold));
  return found ?? '';
}

describe('the author of Ingresses who may neither read nor write Secrets', () => {
  it('has no Secret replaced by asking for it on her Ingress', async () => {
    await stage.apply(secret('shop/payments-mtls', theirs));
    const annotations = { 'kube-lego.io/adopt': 'true' };
    await applied(ingress('shop/taker', { tls: { 'payments-mtls': ['taker.example.com'] }, annotations }));

    const notice = await untilTold('shop/taker', 'AdoptMisplaced');
    assert.match(notice, /kubectl annotate secret payments-mtls -n shop kube-lego\.io\/adopt=true/);
    await untilTold('shop/taker', 'ForeignSecret');
    assert.deepEqual(await stage.secret('shop/payments-mtls'), theirs);

    const { status } = await mallory.request(secretPath('shop/payments-mtls'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations } },
    });
    assert.equal(status, 403, 'what the notice says is for others to do');
  });

  it('learns of any Secret of others that it cannot be used, and nothing more', async () => {
    const other = authority.issue({ hosts: ['payments.example.com'] });
    const expired = authority.issue({ hosts: ['expired.probe.example.com'], notAfter: Date.now() - 1000 });
    const empty = { 'tls.crt': '', 'tls.key': '' };
    const secrets: Readonly<Record<string, Manifest>> = {
      opaque: secret('shop/opaque', { password: 'PRIVATE' }, { type: 'Opaque' }),
      basic: secret('shop/basic', { username: 'PRIVATE' }, { type: 'kubernetes.io/basic-auth' }),
      elsewhere: secret('shop/elsewhere', theirs),
      mixed: secret('shop/mixed', { 'tls.crt': payments.chainPem, 'tls.key': other.keyPem }),
      expired: secret('shop/expired', { 'tls.crt': expired.chainPem, 'tls.key': expired.keyPem }),
      garbage: secret('shop/garbage', { 'tls.crt': 'no certificate', 'tls.key': 'no key' }),
      keyless: secret('shop/keyless', { ...theirs, 'tls.key': '' }),
      frozen: secret('shop/frozen', empty, { immutable: true }),
      managed: secret('shop/managed', empty, {
        metadata: { annotations: { 'cert-manager.io/issuer-name': 'ca' } },
      }),
    };
    await stage.apply(...Object.values(secrets));
    const names = Object.keys(secrets);
    for (const name of names)
      await applied(ingress(`shop/${name}`, { tls: { [name]: [`${name}.probe.example.com`] } }));

    const messages = new Set<string>();
    for (const name of names) {
      const message = await untilTold(`shop/${name}`, 'ForeignSecret');
      messages.add(message.replaceAll(name, 'NAME'));
    }
    assert.equal(messages.size, 1, [...messages].join('\n'));
    for (const name of names) {
      const texts = (await told(`shop/${name}`)).join('\n').replaceAll(name, 'NAME');
      assert.doesNotMatch(
        texts,
        /Opaque|basic|expire|cover|belong|PEM|immutable|cert-manager|Bank|payments|notAfter/i,
      );
    }
  });

  it('learns of a good certificate for her hosts when it ends, as each visitor does, and nothing more', async () => {
    const { chainPem, keyPem } = authority.issue({ hosts: ['shop.example.com', 'internal.example.com'] });
    await stage.apply(secret('shop/good', { 'tls.crt': chainPem, 'tls.key': keyPem }));
    // A status that is spoilt is written again, also where there is no news.
    const annotations = { [statusAnnotation]: 'spoilt' };
    await applied(ingress('shop/good', { tls: { good: ['shop.example.com'] }, annotations }));
    const isWritten = async () => (await told('shop/good')).some((text) => text.includes('notAfter'));
    await stage.guard(eventually('the status is written', isWritten));
    assert.doesNotMatch((await told('shop/good')).join('\n'), /internal|Bank|foreign|issuer/i);
  });

  it('gets a certificate where no Secret is, which tells her that the name was free', async () => {
    await applied(ingress('shop/free', { tls: { free: ['free.example.com'] } }));
    await stage.untilIssued('shop/free');
  });
});
