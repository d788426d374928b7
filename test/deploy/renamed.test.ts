import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertDone, assertRefused, deploy, deployFolder } from './deployed-cluster.ts';

const labels = { 'app.kubernetes.io/managed-by': 'kube-lego' };
const tls = { type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } };
const namespace = 'certificates';

let folder: string;

before(async () => {
  folder = await mkdtemp(join(await realpath(tmpdir()), 'kube-lego-renamed-'));
});
after(() => rm(folder, { recursive: true }));

/** Installs it, and tries what the policies forbid and allow to the ServiceAccount, whatever its name is now. */
async function assertRestricted(
  overlay: string,
  watched: string,
  { prefix = '', suffix = '' } = {},
): Promise<void> {
  const renamed = (name: string): string => `${prefix}${name}${suffix}`;
  await using cluster = await deploy(overlay, { namespace, name: renamed('kube-lego') });
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
    await create(`${own}/secrets`, { type: 'Opaque', metadata: { name: 'kube-lego-account', labels } }),
  );
  const event = {
    metadata: { name: 'any' },
    involvedObject: { namespace: watched, kind: 'Pod', name: 'any' },
  };
  assertRefused(await create(`/api/v1/namespaces/${watched}/events`, event), /only on Ingresses/);

  const challenge = (service: string): object => {
    const backend = { service: { name: service, port: { number: 8080 } } };
    const path = { path: '/.well-known/acme-challenge/', pathType: 'ImplementationSpecific', backend };
    return { metadata: { name: 'kube-lego', labels }, spec: { rules: [{ http: { paths: [path] } }] } };
  };
  const ingresses = `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses`;
  assertRefused(await create(ingresses, challenge('other')), /the backend of a challenge Ingress/);
  assertDone(await create(ingresses, challenge(renamed('kube-lego'))));
}

describe('an overlay that gives kube-lego another namespace', { timeout: 180_000 }, () => {
  it('takes the admission policies along, and an overlay with a prefix and a suffix, too', async () => {
    const base = relative(folder, join(deployFolder, 'base'));
    const kustomization = { namespace, namePrefix: 'our-', nameSuffix: '-2', resources: [base] };
    await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    await assertRestricted(folder, 'team-a', { prefix: 'our-', suffix: '-2' });
  });

  it('does so with chosen namespaces, whose Roles stay where they are', async () => {
    const copy = join(folder, 'deploy');
    await cp(deployFolder, copy, { recursive: true });
    const file = join(copy, 'namespaced/own/kustomization.yaml');
    const text = await readFile(file, 'utf8');
    assert.match(text, /For another namespace than kube-lego set `namespace:` here/);
    await writeFile(file, `namespace: ${namespace}\n${text}`);
    await assertRestricted(join(copy, 'namespaced'), 'default');
  });
});
