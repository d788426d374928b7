import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Authority } from '../../deploy/local/authority.ts';
import { gate } from './gate.ts';
import { ingress, type Manifest, secret, secretPath } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const authority = new Authority('A CA that somebody bought from');

let stage: Stage;

before(async () => {
  stage = await startStage({ namespaces: ['shop'], proxyCa: true });
  await stage.startController();
});
afterEach(() => {
  stage.ca.interfere = () => undefined;
});
after(() => stage.stop());

describe('a Secret that somebody else creates at the last moment', () => {
  it('is left alone and used, if it holds a good certificate', async () => {
    const { chainPem, keyPem } = authority.issue({ hosts: ['good.example.com'] });
    const theirs = { 'tls.crt': chainPem, 'tls.key': keyPem };

    await createDuringOrder('good', theirs);

    await stage.untilIssued('shop/good');
    assert.deepEqual(await stage.secret('shop/good-tls'), theirs);
    assert.deepEqual((await stage.view('shop/good'))?.problems, []);
  });

  it('is left alone and pointed out, if its certificate is for other hosts', async () => {
    const { chainPem, keyPem } = authority.issue({ hosts: ['other.example.com'] });
    const theirs = { 'tls.crt': chainPem, 'tls.key': keyPem };

    await createDuringOrder('bad', theirs);

    const message = await stage.untilWarned('shop/bad', 'ForeignSecret');
    assert.ok(
      message.startsWith(
        'Secret bad-tls cannot be used for this certificate. kube-lego did not create it, so it is left alone. ' +
          'kubectl annotate secret bad-tls -n shop kube-lego.io/adopt=true lets kube-lego replace the certificate there. ',
      ),
      message,
    );
    assert.deepEqual(await stage.secret('shop/bad-tls'), theirs);
    assert.equal((await stage.untilState('shop/bad', 'idle')).notAfter, undefined);
  });

  /** Applies the Ingress `shop/NAME`, and the Secret when its order is final. One order is made, whatever happens. */
  async function createDuringOrder(name: string, theirs: Readonly<Record<string, string>>): Promise<void> {
    const before = await stage.orders();
    const download = gate();
    stage.ca.interfere = ({ path, forward }) =>
      path.startsWith('/certZ/') ? download.pass(forward) : undefined;
    await stage.apply(ingress(`shop/${name}`, { tls: { [`${name}-tls`]: [`${name}.example.com`] } }));
    await download.reached;
    await stage.apply(secret(`shop/${name}-tls`, theirs));
    download.open();
    await stage.untilView(`shop/${name}`, 'the round has ended', ({ state }) => state !== 'validating');
    assert.equal(await stage.orders(), before + 1);
  }
});

describe('a Secret of ours that can never hold the certificate', () => {
  it('gives its reason at once, costs no order, and the remedy helps', async () => {
    const before = await stage.orders();
    const metadata = { labels: { 'app.kubernetes.io/managed-by': 'kube-lego' } };
    await stage.apply(
      secret('shop/frozen-tls', { 'tls.crt': '', 'tls.key': '' }, { immutable: true, metadata }),
      secret('shop/opaque-tls', { note: 'reserved' }, { type: 'Opaque', metadata }),
      ingress('shop/frozen', { tls: { 'frozen-tls': ['frozen.example.com'] } }),
      ingress('shop/opaque', { tls: { 'opaque-tls': ['opaque.example.com'] } }),
    );

    assert.equal(
      await stage.untilWarned('shop/frozen', 'ImmutableSecret'),
      'Secret frozen-tls holds no key pair. The Secret is immutable. Delete the Secret, or name another one.',
    );
    assert.equal(
      await stage.untilWarned('shop/opaque', 'WrongSecretType'),
      'Secret opaque-tls holds no key pair. The Secret is of type Opaque. Delete the Secret: it is not of type ' +
        'kubernetes.io/tls, and the type of a Secret cannot be changed.',
    );
    for (const key of ['shop/frozen', 'shop/opaque']) {
      const { state, problems } = await stage.untilState(key, 'idle');
      assert.deepEqual([state, problems.length], ['idle', 1]);
    }
    assert.equal(await stage.orders(), before);

    await stage.world.api.expect('/api/v1/namespaces/shop/secrets/frozen-tls', { method: 'DELETE' });
    await stage.world.api.expect('/api/v1/namespaces/shop/secrets/opaque-tls', { method: 'DELETE' });
    const annotations = { 'kube-lego.io/retry': 'the Secret is gone' };
    await stage.apply(
      ingress('shop/frozen', { tls: { 'frozen-tls': ['frozen.example.com'] }, annotations }),
      ingress('shop/opaque', { tls: { 'opaque-tls': ['opaque.example.com'] }, annotations }),
    );
    await stage.untilIssued('shop/frozen', 'shop/opaque');
    assert.equal(await stage.orders(), before + 2);
  });
});

describe('a Secret with a broken certificate', () => {
  it('of somebody else is left alone, whatever is wrong with it', async () => {
    const one = authority.issue({ hosts: ['mixed.example.com'] });
    const other = authority.issue({ hosts: ['mixed.example.com'] });
    const joined = authority.issue({ hosts: ['joined.example.com'] });
    const before = await stage.orders();
    await stage.apply(
      secret('shop/joined-tls', {
        'tls.crt': joined.chainPem.replace('-----\n-----', '----------'),
        'tls.key': joined.keyPem,
      }),
      ingress('shop/joined', { tls: { 'joined-tls': ['joined.example.com'] } }),
      secret('shop/mixed-tls', { 'tls.crt': one.chainPem, 'tls.key': other.keyPem }),
      secret('shop/prose-tls', { 'tls.crt': 'not a certificate', 'tls.key': 'nor a key' }),
      ingress('shop/mixed', { tls: { 'mixed-tls': ['mixed.example.com'] } }),
      ingress('shop/prose', { tls: { 'prose-tls': ['prose.example.com'] } }),
    );

    for (const name of ['joined', 'mixed', 'prose']) {
      const message = await stage.untilWarned(`shop/${name}`, 'ForeignSecret');
      assert.match(message, new RegExp(`^Secret ${name}-tls cannot be used for this certificate\\. `));
    }
    assert.equal(await stage.orders(), before);
  });

  it('is replaced once it asks for adoption, and keeps what else is in it', async () => {
    const theirs = { 'tls.crt': 'no certificate', 'tls.key': 'no key', 'ca.crt': 'theirs' };
    const site = (retry: string): Manifest =>
      ingress('shop/adopted', {
        tls: { 'adopted-tls': ['adopted.example.com'] },
        annotations: { 'kube-lego.io/retry': retry },
      });
    await stage.apply(secret('shop/adopted-tls', theirs), site('first'));
    await stage.untilWarned('shop/adopted', 'ForeignSecret');
    // What the Event says: kubectl annotate secret adopted-tls -n shop kube-lego.io/adopt=true
    await stage.world.api.expect(secretPath('shop/adopted-tls'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { 'kube-lego.io/adopt': 'true' } } },
    });
    await stage.apply(site('adopted'));
    await stage.untilIssued('shop/adopted');
    const stored = await stage.secret('shop/adopted-tls');
    assert.match(stored?.['tls.crt'] ?? '', /^-----BEGIN CERTIFICATE-----/);
    assert.equal(stored?.['ca.crt'], 'theirs');
  });
});
