import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Authority } from '../../deploy/local/authority.ts';
import type { Manifest } from '../../deploy/local/manifests.ts';
import { ingress, ingressPath, secret, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';

const day = 86_400_000;
const oldUrl = 'https://acme-v01.api.letsencrypt.org/acme/reg/123';
const account = {
  'tls.key': generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs1', format: 'pem' })
    .toString(),
  'acme-registration-url': oldUrl,
  'acme-registration.json': JSON.stringify({ uri: oldUrl }),
};
const marked = { metadata: { annotations: { 'kubernetes.io/tls-acme': 'true' } } };

let stage: Stage;

describe('what the kube-lego of 2016 has left in a cluster', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
    const authority = new Authority('CA of 2016');
    await stage.apply(
      secret('kube-lego/kube-lego-account', account, { type: 'Opaque' }),
      leftover(['one.example.com', 'two.example.com']),
      tlsSecret('shop/one-tls', authority, 'one.example.com', 60 * day),
      tlsSecret('shop/two-tls', authority, 'two.example.com', 60 * day),
      ingress('shop/one', { tls: { 'one-tls': ['one.example.com'] } }),
      ingress('shop/two', { tls: { 'two-tls': ['two.example.com'] } }),
    );
  });
  after(() => stage.stop());

  it('serves on: good Secrets are left as they are, and nothing is ordered', async () => {
    const before = await Promise.all(['one', 'two'].map((name) => versionOf(`shop/${name}-tls`)));
    await stage.startController();
    await stage.untilIssued('shop/one', 'shop/two');

    const after = await Promise.all(['one', 'two'].map((name) => versionOf(`shop/${name}-tls`)));
    assert.deepEqual(after, before);
    assert.equal(await stage.orders(), 0);
    for (const key of ['shop/one', 'shop/two']) {
      assert.deepEqual((await stage.untilState(key, 'idle')).problems, []);
    }
  });

  it('loses its challenge Ingress, which would answer for the hosts in our place', async () => {
    await eventually(
      'it is removed',
      async () => (await stage.object(ingressPath('kube-lego/kube-lego-nginx'))) === undefined,
    );
  });

  it('hands on its account key, and a Secret that nears its end is renewed in place', async () => {
    const authority = new Authority('CA of 2016');
    await stage.apply(
      tlsSecret('shop/due-tls', authority, 'due.example.com', 10 * day),
      ingress('shop/due', { tls: { 'due-tls': ['due.example.com'] } }),
    );
    const isRenewed = (end: number | undefined): boolean => (end ?? 0) > Date.now() + 30 * day;
    await stage.untilView('shop/due', 'it is renewed', ({ notAfter }) => isRenewed(notAfter));

    assert.equal(await stage.orders(), 1);
    const {
      'tls.key': key,
      'acme-registration-url': url,
      'acme-registration.json': json,
    } = (await stage.secret('kube-lego/kube-lego-account')) ?? {};
    assert.equal(key, account['tls.key']);
    assert.equal(json, account['acme-registration.json']);
    assert.ok(url?.startsWith(new URL(stage.directoryUrl).origin), url);
  });
});

function tlsSecret(key: string, authority: Authority, host: string, left: number): Manifest {
  const now = Date.now();
  const { chainPem, keyPem } = authority.issue({
    hosts: [host],
    notBefore: now - 90 * day + left,
    notAfter: now + left,
  });
  return secret(key, { 'tls.crt': chainPem, 'tls.key': keyPem }, marked);
}

/** The challenge Ingress as it was, in the words of today's API. */
function leftover(hosts: readonly string[]): Manifest {
  const backend = { service: { name: 'kube-lego-nginx', port: { number: 8080 } } };
  const path = { path: '/.well-known/acme-challenge', pathType: 'ImplementationSpecific', backend };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      namespace: 'kube-lego',
      name: 'kube-lego-nginx',
      annotations: { 'kubernetes.io/ingress.class': 'edge' },
    },
    spec: { rules: hosts.map((host) => ({ host, http: { paths: [path] } })) },
  };
}

async function versionOf(key: string): Promise<unknown> {
  const found = await stage.object(secretPath(key));
  assert.ok(found);
  return found['metadata'];
}
