import assert from 'node:assert/strict';
import type { Manifest } from '../../deploy/local/manifests.ts';
import { type Config, readConfig } from '../../src/config/config.ts';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { assertDone, assertRefused, type DeployedCluster } from './deployed-cluster.ts';

const labels = { 'app.kubernetes.io/managed-by': 'kube-lego' };
const tls = { type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } };

/**
 * Tries what the policies forbid and allow to the ServiceAccount, whatever its name and its namespace are.
 * @param config of the pod
 * @param watched a namespace whose Ingresses are managed
 */
export async function assertConfined(
  cluster: DeployedCluster,
  config: Config,
  watched: string,
): Promise<void> {
  const { namespace } = cluster.serviceAccount;
  const create = (path: string, body: object) => cluster.asKubeLego(path, { method: 'POST', body });
  const secrets = `/api/v1/namespaces/${watched}/secrets`;
  const metadata = { name: 'web-tls', labels };
  assertRefused(
    await create(secrets, { ...tls, metadata: { name: 'any' }, type: 'Opaque' }),
    /only Secrets of type/,
  );
  const argo = { ...labels, 'argocd.argoproj.io/secret-type': 'cluster' };
  assertRefused(await create(secrets, { ...tls, metadata: { name: 'any', labels: argo } }), /with the label/);
  assertDone(await create(secrets, { ...tls, metadata }));

  const own = `/api/v1/namespaces/${namespace}`;
  assertRefused(await create(`${own}/configmaps`, { metadata: { name: 'kube-lego' } }), /only its ledgers/);
  assertDone(await create(`${own}/configmaps`, { metadata: { name: 'kube-lego-ledger-0' } }));
  assertDone(
    await create(`${own}/secrets`, { type: 'Opaque', metadata: { name: config.accountSecretName, labels } }),
  );
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  assertRefused(await create(leases, { metadata: { name: 'other' } }), /only the Lease kube-lego/);
  assertDone(await create(leases, { metadata: { name: 'kube-lego' } }));
  const event = {
    metadata: { name: 'any' },
    involvedObject: { namespace: watched, kind: 'Pod', name: 'any' },
  };
  assertRefused(await create(`/api/v1/namespaces/${watched}/events`, event), /only on Ingresses/);

  const challenge = (service: string): object => {
    const backend = { service: { name: service, port: { number: 8080 } } };
    const path = { path: '/.well-known/acme-challenge/', pathType: 'ImplementationSpecific', backend };
    return { metadata: { name: config.ingressName, labels }, spec: { rules: [{ http: { paths: [path] } }] } };
  };
  const ingresses = `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses`;
  assertRefused(await create(ingresses, challenge('other')), /the backend of a challenge Ingress/);
  assertDone(await create(ingresses, challenge(config.serviceName)));
}

/** The settings of the pod in this namespace. */
export function configOf(manifests: readonly Manifest[], namespace: string): Config {
  const variables = variablesOf(manifests.find(({ kind }) => kind === 'Deployment'));
  const reading = readConfig({ LEGO_NAMESPACE: namespace, ...variables }, []);
  assert.equal(reading.kind, 'config');
  return reading.config;
}

/** The variables of the pod whose values the Deployment itself says, also by an annotation of the pod. */
export function variablesOf(deployment: unknown): Record<string, string> {
  const template = recordField(recordField(deployment, 'spec'), 'template');
  const annotations = recordField(recordField(template, 'metadata'), 'annotations');
  const [container] = arrayField(recordField(template, 'spec'), 'containers');
  return Object.fromEntries(
    arrayField(container, 'env').flatMap((variable): [string, string][] => {
      const fieldPath = stringField(recordField(recordField(variable, 'valueFrom'), 'fieldRef'), 'fieldPath');
      const [, annotation = ''] = /^metadata\.annotations\['(.+)'\]$/.exec(fieldPath ?? '') ?? [];
      const name = stringField(variable, 'name');
      const value = stringField(variable, 'value') ?? stringField(annotations, annotation);
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
}
