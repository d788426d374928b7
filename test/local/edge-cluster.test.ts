import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ApiClient } from '../../deploy/local/api-client.ts';
import { startApp } from '../../deploy/local/app.ts';
import { startEdge } from '../../deploy/local/edge/edge.ts';
import { startSession } from '../../deploy/local/session.ts';
import { borrowCluster } from '../clusters/borrow.ts';
import { eventually } from '../time/eventually.ts';
import { ask, certificateFor, certificateOf } from './edge-world.ts';

const challenge = '/.well-known/acme-challenge/';
const ingresses = '/apis/networking.k8s.io/v1/namespaces';

it('an edge serves what the API server holds, and follows it', async () => {
  await using cluster = await borrowCluster();
  await using session = await startSession();
  await using api = cluster.adminClient();
  await using site = await startApp('Site');
  await using responder = await startApp('Responder');
  await createIngressClass(api, 'edge');
  await createService(api, 'shop', 'web', 80);
  await createService(api, 'kube-lego', 'kube-lego', 8080);
  await createIngress(api, 'shop', 'site', { path: '/', service: 'web', port: 80, secretName: 'cert' });
  // Not of our class: it must not get the path.
  const foreign = { path: challenge, service: 'web', port: 80, className: 'other' };
  await createIngress(api, 'shop', 'foreign', foreign);

  const delay = 300;
  const edge = await startEdge({
    session,
    kubeconfig: cluster.adminKubeconfig,
    delay,
    services: { 'shop/web:80': site.port, 'kube-lego/kube-lego:8080': responder.port },
  });
  const title = async (path: string): Promise<string | undefined> =>
    /<h1>(.*)<\/h1>/.exec((await ask(edge.httpPort, { path })).body)?.[1];
  const subject = () => certificateFor(edge.httpsPort, 'shop.test');
  assert.equal(await title('/'), 'Site');
  assert.equal(await title(`${challenge}token`), 'Site');
  assert.equal(await subject(), 'DNS:edge.invalid');

  const createdAt = performance.now();
  await createIngress(api, 'kube-lego', 'kube-lego', { path: challenge, service: 'kube-lego', port: 8080 });
  await eventually(
    'the challenge path reaches the responder',
    async () => (await title(`${challenge}token`)) === 'Responder',
  );
  assert.ok(performance.now() - createdAt >= delay, 'a rule took effect before its delay');
  assert.equal(await title('/'), 'Site');

  const { certificatePem, keyPem } = certificateOf('shop.test');
  await api.expect('/api/v1/namespaces/shop/secrets', {
    method: 'POST',
    body: {
      metadata: { name: 'cert' },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': certificatePem, 'tls.key': keyPem },
    },
  });
  await eventually('the Secret is served', async () => (await subject()) === 'DNS:shop.test');

  await api.expect(`${ingresses}/kube-lego/ingresses/kube-lego`, { method: 'DELETE' });
  await eventually(
    'the challenge path is the app’s again',
    async () => (await title(`${challenge}token`)) === 'Site',
  );
});

async function createIngressClass(api: ApiClient, name: string): Promise<void> {
  await api.expect('/apis/networking.k8s.io/v1/ingressclasses', {
    method: 'POST',
    body: {
      metadata: { name, annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
      spec: { controller: 'haproxy-ingress.github.io/controller/local' },
    },
  });
}

async function createService(api: ApiClient, namespace: string, name: string, port: number): Promise<void> {
  await api.expect('/api/v1/namespaces', { method: 'POST', body: { metadata: { name: namespace } } });
  await api.expect(`/api/v1/namespaces/${namespace}/services`, {
    method: 'POST',
    body: { metadata: { name }, spec: { ports: [{ port }] } },
  });
}

async function createIngress(
  api: ApiClient,
  namespace: string,
  name: string,
  rule: { path: string; service: string; port: number; secretName?: string; className?: string },
): Promise<void> {
  const backend = { service: { name: rule.service, port: { number: rule.port } } };
  const path = { path: rule.path, pathType: 'ImplementationSpecific', backend };
  const spec = {
    ingressClassName: rule.className,
    rules: [{ host: 'shop.test', http: { paths: [path] } }],
    tls: rule.secretName === undefined ? [] : [{ secretName: rule.secretName, hosts: ['shop.test'] }],
  };
  await api.expect(`${ingresses}/${namespace}/ingresses`, {
    method: 'POST',
    body: { metadata: { name }, spec },
  });
}
