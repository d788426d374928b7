import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ApiAnswer } from '../../deploy/local/api-client.ts';
import { assertDone, assertRefused, type DeployedCluster, deploy, widenRole } from './deployed-cluster.ts';

const secrets = '/api/v1/namespaces/team-a/secrets';
const ingresses = '/apis/networking.k8s.io/v1/namespaces/team-a/ingresses';
const text = (value: string): string => Buffer.from(value).toString('base64');
const tls = { type: 'kubernetes.io/tls', data: { 'tls.crt': text('chain'), 'tls.key': text('key') } };
const ours = { 'app.kubernetes.io/managed-by': 'kube-lego' };

function statusAnnotation(status: string | null): object {
  return { metadata: { annotations: { 'kube-lego.io/status': status } } };
}

describe('the admission policies, under a role that is too wide', { timeout: 120_000 }, () => {
  let cluster: DeployedCluster;

  before(async () => {
    cluster = await deploy('base');
    await widenRole(cluster);
    // Somebody's TLS Secret and Ingress, with things of theirs.
    await cluster.asAdmin(secrets, {
      method: 'POST',
      body: {
        metadata: {
          name: 'theirs',
          labels: { team: 'a', 'app.kubernetes.io/managed-by': 'helm' },
          annotations: { note: 'keep' },
        },
        ...tls,
        data: { ...tls.data, 'ca.crt': text('root') },
      },
    });
    await cluster.asAdmin(ingresses, {
      method: 'POST',
      body: {
        metadata: { name: 'web', labels: { team: 'a' }, annotations: { note: 'keep' } },
        spec: { rules: [{ host: 'web.example' }] },
      },
    });
  });

  after(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  function create(path: string, body: object, dryRun = false): Promise<ApiAnswer> {
    return cluster.asKubeLego(`${path}${dryRun ? '?dryRun=All' : ''}`, { method: 'POST', body });
  }

  function merge(path: string, body: object): Promise<ApiAnswer> {
    return cluster.asKubeLego(path, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body,
    });
  }

  function apply(name: string, body: object, query = ''): Promise<ApiAnswer> {
    return cluster.asKubeLego(`${secrets}/${name}?fieldManager=kube-lego&force=true${query}`, {
      method: 'PATCH',
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion: 'v1', kind: 'Secret', ...body },
    });
  }

  it('let kube-lego create a TLS Secret, in a dry run too', async () => {
    const metadata = { name: 'new', labels: ours, annotations: { 'kube-lego.io/directory': 'https://ca' } };
    const empty = { ...tls, data: { 'tls.crt': '', 'tls.key': '' } };
    assertDone(await create(secrets, { metadata, ...empty }, true));
    assertDone(await create(secrets, { metadata, ...tls }));
  });

  it('refuse a new Secret of any other type', async () => {
    for (const type of ['Opaque', 'kubernetes.io/dockerconfigjson', 'kubernetes.io/service-account-token']) {
      const annotations = { 'kubernetes.io/service-account.name': 'default' };
      const data = { '.dockerconfigjson': text('{}') };
      const body = { metadata: { name: 'other', annotations }, type, data };
      assertRefused(await create(secrets, body, true), /only Secrets of type kubernetes\.io\/tls/);
    }
  });

  it('refuse a new Secret that server-side apply would make of another type', async () => {
    const opaque = { metadata: { name: 'applied' }, data: { any: text('thing') } };
    assertRefused(await apply('applied', opaque, '&dryRun=All'), /only Secrets of type/);
  });

  it('let server-side apply set our label where there is none', async () => {
    const body = { metadata: { name: 'bare' }, ...tls };
    await cluster.asAdmin(secrets, { method: 'POST', body });
    assertDone(await apply('bare', { metadata: { name: 'bare', labels: ours }, ...tls }));
  });

  it('let server-side apply change the certificate and our annotations, and nothing else moves', async () => {
    const metadata = {
      name: 'theirs',
      annotations: { 'kube-lego.io/directory': 'https://ca' },
    };
    const data = { 'tls.crt': text('new chain'), 'tls.key': text('new key') };
    assertDone(await apply('theirs', { metadata, ...tls, data }, '&dryRun=All'));
    const { status, body } = await apply('theirs', { metadata, ...tls, data });
    assert.equal(status, 200);
    assert.partialDeepStrictEqual(body, {
      metadata: {
        labels: { 'app.kubernetes.io/managed-by': 'helm', team: 'a' },
        annotations: { note: 'keep', 'kube-lego.io/directory': 'https://ca' },
      },
      data: { ...data, 'ca.crt': text('root') },
    });
  });

  for (const [what, patch, message] of [
    ['another data key', { data: { 'ca.crt': text('another root') } }, /only tls\.crt and tls\.key/],
    ['a new data key', { data: { 'more.crt': text('more') } }, /only tls\.crt and tls\.key/],
    ['the removal of a data key', { data: { 'ca.crt': null } }, /only tls\.crt and tls\.key/],
    ['another annotation', { metadata: { annotations: { note: 'lost' } } }, /only annotations kube-lego\.io/],
    [
      'the removal of an annotation',
      { metadata: { annotations: { note: null } } },
      /only annotations kube-lego\.io/,
    ],
    [
      'another label',
      { metadata: { labels: { team: 'b' } } },
      /sets only the label app\.kubernetes\.io\/managed-by/,
    ],
    [
      'the removal of a label',
      { metadata: { labels: { team: null } } },
      /sets only the label app\.kubernetes\.io\/managed-by/,
    ],
    [
      "our label in another's place",
      { metadata: { labels: ours } },
      /managed-by: kube-lego of an existing Secret, and only/,
    ],
    [
      'our label with another value',
      { metadata: { labels: { 'app.kubernetes.io/managed-by': 'else' } } },
      /sets only the label app\.kubernetes\.io\/managed-by/,
    ],
    [
      'a finalizer',
      { metadata: { finalizers: ['example.com/held'] } },
      /not change ownerReferences, finalizers/,
    ],
    [
      'an owner',
      { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u' }] } },
      /not change ownerReferences, finalizers/,
    ],
    ['immutability', { immutable: true }, /or immutable of/],
  ] as const) {
    it(`refuse ${what} on an existing Secret`, async () => {
      assertRefused(await merge(`${secrets}/theirs`, patch), message);
    });
  }

  it('refuse any change of an existing Secret of another type, and every deletion', async () => {
    const opaque = { metadata: { name: 'opaque' }, data: { 'tls.crt': '', 'tls.key': '' } };
    await cluster.asAdmin(secrets, { method: 'POST', body: opaque });
    assertRefused(await merge(`${secrets}/opaque`, { data: tls.data }), /only Secrets of type/);
    for (const name of ['opaque', 'theirs']) {
      const answer = await cluster.asKubeLego(`${secrets}/${name}`, { method: 'DELETE' });
      assertRefused(answer, /deletes no Secret/);
    }
  });

  it('let kube-lego change its own annotations of an Ingress', async () => {
    assertDone(await merge(`${ingresses}/web`, statusAnnotation('ready')));
    assertDone(await merge(`${ingresses}/web`, statusAnnotation(null)));
  });

  for (const [what, patch] of [
    ['another annotation', { metadata: { annotations: { note: 'lost' } } }],
    ['the removal of an annotation', { metadata: { annotations: { note: null } } }],
    ['a label', { metadata: { labels: { team: 'b' } } }],
    ['a finalizer', { metadata: { finalizers: ['example.com/held'] } }],
    ['the rules', { spec: { rules: [{ host: 'elsewhere.example' }] } }],
  ] as const) {
    it(`refuse ${what} of an Ingress`, async () => {
      assertRefused(await merge(`${ingresses}/web`, patch), /of (the annotations of )?an Ingress/);
    });
  }

  it('refuse a new Ingress, a deletion and a status in other namespaces', async () => {
    const created = await create(ingresses, {
      metadata: { name: 'new' },
      spec: { rules: [{ host: 'a.example' }] },
    });
    assertRefused(created, /neither creates nor deletes/);
    assertRefused(await cluster.asKubeLego(`${ingresses}/web`, { method: 'DELETE' }), /neither creates/);
    const status = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } };
    assertRefused(await merge(`${ingresses}/web/status`, status), /only annotations/);
  });

  it('leave our own namespace and everybody else alone', async () => {
    const opaque = { metadata: { name: 'free' }, data: { any: text('thing') } };
    assertDone(await create('/api/v1/namespaces/kube-lego/secrets', opaque));
    await cluster.asAdmin(secrets, { method: 'POST', body: opaque });
    await cluster.asAdmin(`${secrets}/free`, { method: 'DELETE' });
  });
});
