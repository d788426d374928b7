import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ApiAnswer, ApiRequest } from '../../deploy/local/api-client.ts';
import { challengeManifest } from '../../src/challenges/http-01/challenge-ingress/challenge-manifest.ts';
import {
  assertDone,
  assertForbidden,
  assertRefused,
  type DeployedCluster,
  deploy,
  untilAnswered,
} from './deployed-cluster.ts';

const networking = '/apis/networking.k8s.io/v1';
const own = '/api/v1/namespaces/kube-lego/secrets';
const ownIngresses = `${networking}/namespaces/kube-lego/ingresses`;
const data = { 'tls.crt': '', 'tls.key': '' };
const spec = { rules: [{ host: 'a.example' }] };
const labels = { 'app.kubernetes.io/managed-by': 'kube-lego' };

let cluster: DeployedCluster;

function request(method: NonNullable<ApiRequest['method']>, path: string, body?: object): Promise<ApiAnswer> {
  return cluster.asKubeLego(path, body === undefined ? { method } : { method, body });
}

function apply(path: string, metadata: object): Promise<ApiAnswer> {
  return cluster.asKubeLego(`${path}?fieldManager=kube-lego&force=true`, {
    method: 'PATCH',
    contentType: 'application/apply-patch+yaml',
    body: { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, data },
  });
}

/** What a new certificate takes: read, create, read again, renew, and an Event. */
async function assertServes(namespace: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  assert.equal((await request('GET', `${path}/web-tls`)).status, 404);
  const metadata = { name: 'web-tls', labels };
  assertDone(await request('POST', path, { metadata, type: 'kubernetes.io/tls', data }));
  assertDone(await request('GET', `${path}/web-tls`));
  assertDone(await apply(`${path}/web-tls`, { name: 'web-tls' }));
  const involvedObject = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', namespace, name: 'web' };
  const event = {
    metadata: { name: 'web.1' },
    involvedObject,
    reason: 'CertificateIssued',
    message: 'Done.',
    source: { component: 'kube-lego' },
    reportingComponent: 'kube-lego',
  };
  assertDone(await request('POST', `/api/v1/namespaces/${namespace}/events`, event));
}

/** The domains that Namespaces reserve decide over kube-lego, and not the other way round. */
async function assertReadsNamespaces(): Promise<void> {
  assertDone(await request('GET', '/api/v1/namespaces'));
  const annotations = { 'kube-lego.io/domains': '*.example' };
  assertForbidden(await request('POST', '/api/v1/namespaces', { metadata: { name: 'new', annotations } }));
  assertForbidden(await merge('/api/v1/namespaces/team-a', { metadata: { annotations } }));
  assertForbidden(await request('DELETE', '/api/v1/namespaces/team-a'));
}

function secretsOf(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/secrets`;
}

/** What the watch of Secrets takes, a moment after it was granted. */
async function assertWatches(path: string): Promise<void> {
  await untilAnswered(cluster, { path }, 200);
  await untilAnswered(cluster, { path: `${path}?watch=true&timeoutSeconds=1` }, 200);
}

async function assertKeepsOwnNamespace(): Promise<void> {
  const account = { name: 'kube-lego-account' };
  assert.equal((await request('GET', `${own}/kube-lego-account`)).status, 404);
  assertDone(await request('POST', own, { metadata: account }));
  assertDone(
    await request('PUT', `${own}/kube-lego-account`, { metadata: account, data: { 'tls.key': '' } }),
  );
  const challenge = challengeIngress({ namespace: 'kube-lego', name: 'kube-lego' });
  assertDone(await request('POST', ownIngresses, challenge));
  assertDone(await request('GET', `${ownIngresses}?labelSelector=a%3Db`));
  assertDone(await request('PUT', `${ownIngresses}/kube-lego`, challenge));
  assertDone(await request('DELETE', `${ownIngresses}/kube-lego`));
}

/** As kube-lego writes it. */
function challengeIngress({ namespace, name }: { namespace: string; name: string }): object {
  const pathType = () => 'ImplementationSpecific' as const;
  const service = { serviceName: 'kube-lego', servicePort: 8080 };
  const template = { namespace, ...service, labels: {}, annotations: {}, pathType };
  return challengeManifest(
    template,
    name,
    { form: 'annotation', name: 'nginx' },
    {
      rules: new Map([['a.example', 'a.example']]),
      thumbprint: 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ',
    },
  );
}

function merge(path: string, body: object): Promise<ApiAnswer> {
  return cluster.asKubeLego(path, { method: 'PATCH', contentType: 'application/merge-patch+json', body });
}

async function assertTellsStatus(namespace: string): Promise<void> {
  const path = `${networking}/namespaces/${namespace}/ingresses`;
  await cluster.asAdmin(path, { method: 'POST', body: { metadata: { name: 'a' }, spec } });
  const annotated = (key: string): object => ({ metadata: { annotations: { [key]: '{}' } } });
  assertDone(await merge(`${path}/a`, annotated('kube-lego.io/status')));
  assertRefused(
    await merge(`${path}/a`, annotated('example.com/note')),
    /only the annotation kube-lego\.io\/status/,
  );
}

async function createIngressClass(): Promise<void> {
  await cluster.asAdmin(`${networking}/ingressclasses`, {
    method: 'POST',
    body: { metadata: { name: 'nginx' }, spec: { controller: 'nginx.org/ingress-controller' } },
  });
}

describe('deploy/base', () => {
  before(async () => {
    cluster = await deploy('base');
    await createIngressClass();
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  it('lets kube-lego see every Ingress and every class', async () => {
    assertDone(await request('GET', `${networking}/ingresses?limit=500`));
    assertDone(await request('GET', `${networking}/ingressclasses`));
    await assertWatches(`${networking}/ingressclasses`);
  });

  it('lets kube-lego keep a certificate in any namespace', async () => {
    await assertServes('team-a');
    await assertServes('team-b');
  });

  it('lets kube-lego keep its account and its challenge Ingress', async () => {
    await assertKeepsOwnNamespace();
  });

  it('hands over no Secret without its name', async () => {
    for (const path of ['/api/v1/secrets', '/api/v1/namespaces/team-a/secrets', own]) {
      assertForbidden(await request('GET', path));
      assertForbidden(await request('GET', `${path}?watch=true`));
    }
  });

  it('lets kube-lego neither replace nor delete Secrets of others', async () => {
    const path = '/api/v1/namespaces/team-a/secrets/web-tls';
    assertForbidden(await request('PUT', path, { metadata: { name: 'web-tls' }, data }));
    assertForbidden(await request('DELETE', path));
  });

  it('lets kube-lego write nothing but its status into an Ingress of another namespace', async () => {
    await assertTellsStatus('team-a');
    const path = `${networking}/namespaces/team-a/ingresses`;
    assertForbidden(await request('POST', path, { metadata: { name: 'b' }, spec }));
    assertForbidden(await request('PUT', `${path}/a`, { metadata: { name: 'a' }, spec }));
    assertForbidden(await request('DELETE', `${path}/a`));
    assertForbidden(await merge(`${path}/a/status`, { status: {} }));
  });

  it('lets kube-lego replace and delete no other Secret of its own namespace', async () => {
    assertForbidden(await request('PUT', `${own}/other`, { metadata: { name: 'other' } }));
    assertForbidden(await request('DELETE', `${own}/kube-lego-account`));
  });

  it('lets kube-lego read what Namespaces reserve, and change none', async () => {
    await assertReadsNamespaces();
  });

  it('says nothing about other kinds of objects', async () => {
    for (const path of ['/api/v1/pods', '/api/v1/configmaps', `${networking}/networkpolicies`]) {
      assertForbidden(await request('GET', path));
    }
  });

  it('watches the Secrets of all namespaces once the component is added, and writes no more of them', async () => {
    await cluster.apply('components/secret-watch/cluster-role.yaml');
    await assertWatches('/api/v1/secrets');
    assertForbidden(await request('PUT', `${own}/other`, { metadata: { name: 'other' } }));
    assertForbidden(await request('DELETE', `${secretsOf('team-a')}/web-tls`));
  });
});

describe('deploy/namespaced', () => {
  before(async () => {
    cluster = await deploy('namespaced');
    await createIngressClass();
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  it('serves the chosen namespace, its own namespace, and looks up a class', async () => {
    assertDone(await request('GET', `${networking}/namespaces/default/ingresses`));
    await assertServes('default');
    await assertTellsStatus('default');
    await assertKeepsOwnNamespace();
    assertDone(await request('GET', `${networking}/ingressclasses`));
  });

  it('knows nothing of what other namespaces contain', async () => {
    assertForbidden(await request('GET', `${networking}/ingresses`));
    assertForbidden(await request('GET', `${networking}/namespaces/team-a/ingresses`));
    assertForbidden(await request('GET', '/api/v1/namespaces/team-a/secrets/web-tls'));
    assertForbidden(await request('POST', '/api/v1/namespaces/team-a/secrets', { metadata: { name: 'a' } }));
    assertForbidden(await request('GET', `${own}/other`));
  });

  it('reads what all Namespaces reserve, and changes none', async () => {
    await assertReadsNamespaces();
  });

  it('watches the Secrets of a chosen namespace once secret-watch is added to it, and of no other', async () => {
    assertForbidden(await request('GET', secretsOf('default')));
    await cluster.apply('namespaced/secret-watch');
    await assertWatches(secretsOf('default'));
    for (const path of ['/api/v1/secrets', secretsOf('team-a'), own]) {
      assertForbidden(await request('GET', path));
    }
  });
});
