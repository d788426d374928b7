import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Keystore } from '../../machines/ownership/keystore.ts';
import type { Failure } from '../../machines/reasons/reasons.ts';
import { SecretStore } from '../../src/kubernetes/records/secret-store.ts';
import { Keystores } from '../../src/steps/keystores.ts';
import { Issuer } from '../ca/issuer.ts';
import { seededRandom } from '../ca/random.ts';
import { openPkcs12 } from '../certificate/open-pkcs12.ts';
import { day, newKeyPem } from '../certificate/test-ca.ts';
import { type ApiWorld, startApiWorld } from '../kubernetes/api-world.ts';

const { signal } = new AbortController();
const keystore: Keystore = { passwordSecret: 'passwords', passwordKey: 'web' };
const issuer = new Issuer(Date.now(), seededRandom(1));

function certificate() {
  const keyPem = newKeyPem();
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  const validity = { notBefore: Date.now() - day, notAfter: Date.now() + day };
  const { chainPem } = issuer.issue(1, [{ type: 'dns', value: 'web.example.com' }], spki, validity);
  return { chainPem, keyPem, annotations: { 'kube-lego.io/directory': 'https://ca.example/directory' } };
}

describe('the keystore beside a certificate', () => {
  let world: ApiWorld;
  let store: SecretStore;
  let place: { readonly namespace: string; readonly secretName: string };
  let namespaces = 0;

  before(async () => {
    world = await startApiWorld();
    store = new SecretStore(world.client);
  });
  after(() => world[Symbol.asyncDispose]());

  beforeEach(async () => {
    namespaces += 1;
    const namespace = `shop-${namespaces}`;
    place = { namespace, secretName: 'web-tls' };
    await world.createNamespace(namespace);
    await setPassword('first');
    await store.write(namespace, 'web-tls', undefined, certificate(), signal);
  });

  const secrets = (name: string): string => `/api/v1/namespaces/${place.namespace}/secrets/${name}`;

  async function setPassword(value: string | undefined): Promise<void> {
    await world.admin.request(secrets('passwords'), { method: 'DELETE' });
    if (value === undefined) return;
    const data = { web: Buffer.from(value).toString('base64') };
    const body = { metadata: { name: 'passwords' }, data };
    await world.admin.expect(secrets('').slice(0, -1), { method: 'POST', body });
  }

  async function read() {
    const stored = await store.read(place.namespace, place.secretName, signal);
    assert.ok(stored);
    return stored;
  }

  async function keep(wanted: Keystore | 'none' = keystore): Promise<Failure | undefined> {
    const asked = wanted === 'none' ? place : { ...place, keystore: wanted };
    return new Keystores(store).keep(asked, await read(), signal);
  }

  function change(body: object): Promise<unknown> {
    const contentType = 'application/merge-patch+json';
    return world.admin.expect(secrets('web-tls'), { method: 'PATCH', contentType, body });
  }

  /** Asserts that the keystore opens with the password, and holds what the Secret holds. */
  async function assertKept(password: string): Promise<void> {
    const stored = await read();
    assert.ok(stored.keystore && stored.certificatePem && stored.keyPem);
    const opened = await openPkcs12(stored.keystore, password);
    assert.ok(createPrivateKey(opened.keyPem).equals(createPrivateKey(stored.keyPem)));
    const { fingerprint256 } = new X509Certificate(stored.certificatePem);
    assert.equal(new X509Certificate(opened.certificates[0] ?? '').fingerprint256, fingerprint256);
  }

  it('is made, and then left as it is', async () => {
    assert.equal(await keep(), undefined);
    await assertKept('first');
    const { resourceVersion } = await read();
    assert.equal(await keep(), undefined);
    assert.equal((await read()).resourceVersion, resourceVersion);
  });

  it('is made anew for another password, another certificate, and when somebody has spoilt it', async () => {
    await keep();
    await setPassword('second');
    assert.equal(await keep(), undefined);
    await assertKept('second');
    await store.write(place.namespace, place.secretName, await read(), certificate(), signal);
    assert.ok((await read()).keystore, 'the old one stays until there is a new one');
    assert.equal(await keep(), undefined);
    await assertKept('second');
    await change({ data: { 'keystore.p12': Buffer.from('spoilt').toString('base64') } });
    assert.equal(await keep(), undefined);
    await assertKept('second');
  });

  it('goes when it is not asked for any more', async () => {
    await keep();
    assert.equal(await keep('none'), undefined);
    const { keystore: left, annotations } = await read();
    assert.equal(left, undefined);
    assert.deepEqual(Object.keys(annotations), ['kube-lego.io/directory']);
  });

  for (const [what, value] of [
    ['no Secret', undefined],
    ['an empty password', ''],
    ['a line break', 'first\n'],
    ['other characters', 'pässword'],
    ['too many characters', 'x'.repeat(257)],
  ] as const) {
    it(`stays as it is with ${what}, and of the Secret nothing is told`, async () => {
      await keep();
      const before = await read();
      await setPassword(value);
      assert.deepEqual(await keep(), {
        code: 'KeystoreNotWritten',
        message:
          'The keystore in Secret web-tls is not up to date: there is no usable password at key web of Secret passwords.',
      });
      assert.deepEqual(await read(), before);
    });
  }

  it('is not read from what every object has', async () => {
    assert.match(
      (await keep({ ...keystore, passwordKey: 'constructor' }))?.message ?? '',
      /no usable password/,
    );
  });

  it('that somebody else has put there is left alone', async () => {
    const theirs = Buffer.from('theirs').toString('base64');
    await change({ data: { 'keystore.p12': theirs } });
    const notice = await keep();
    assert.match(notice?.message ?? '', /kube-lego did not make\. Remove that key/);
    assert.equal(await keep('none'), undefined);
    assert.equal((await read()).keystore?.toString(), 'theirs');
  });

  it('is not put into a Secret that kube-lego did not create', async () => {
    await change({
      metadata: {
        labels: { 'app.kubernetes.io/managed-by': null },
        annotations: { 'kube-lego.io/directory': null },
      },
    });
    assert.match((await keep())?.message ?? '', /kube-lego did not create the Secret/);
    assert.equal((await read()).keystore, undefined);
  });

  it('is not written over a change that was made meanwhile', async () => {
    const stored = await read();
    await change({ metadata: { labels: { team: 'a' } } });
    await assert.rejects(new Keystores(store).keep({ ...place, keystore }, stored, signal), {
      code: 'Conflict',
    });
    assert.equal((await read()).keystore, undefined);
  });
});
