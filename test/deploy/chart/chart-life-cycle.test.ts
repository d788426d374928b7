import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { applyObjects } from '../../../deploy/local/manifests.ts';
import { isRecord, recordField } from '../../../src/process/json.ts';
import { borrowCluster } from '../../clusters/borrow.ts';
import { eventually } from '../../time/eventually.ts';
import { assertConfined, configOf } from '../confinement.ts';
import { assertDone, type DeployedCluster, deploy, installed } from '../deployed-cluster.ts';
import { chartFolder, helm, type Release, renderChart, usualRelease } from './helm.ts';

const first: Release = { name: 'internal', namespace: 'certificates' };
const second: Release = { name: 'public', namespace: 'public-certificates' };
const account = { namespace: first.namespace, name: 'internal-kube-lego' };
const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';

let cluster: DeployedCluster;

/** Runs a command of helm on the release, and returns what it says. */
function onRelease(
  command: string,
  { name, namespace }: Release,
  args: readonly string[] = [],
  values?: object,
) {
  const target = ['--kubeconfig', cluster.kubeconfig, '--namespace', namespace];
  return helm([...command.split(' '), name, ...args, ...target], values);
}

function install(release: Release, values: object = {}, options: readonly string[] = []): Promise<string> {
  return onRelease('install', release, [chartFolder, '--values=-', ...options], values);
}

function deploymentOf({ name, namespace }: Release): string {
  return `/apis/apps/v1/namespaces/${namespace}/deployments/${name}-kube-lego`;
}

async function templateOf(release: Release): Promise<unknown> {
  const deployment = await cluster.asAdmin(deploymentOf(release));
  return recordField(recordField(deployment, 'spec'), 'template');
}

async function namesAt(path: string): Promise<string[]> {
  const list = await cluster.asAdmin(path);
  assert.ok(isRecord(list) && Array.isArray(list['items']));
  return list['items'].map((item) => String(recordField(item, 'metadata')?.['name'])).toSorted();
}

describe('a release of the chart', () => {
  before(async () => {
    cluster = await installed(async ({ adminKubeconfig }) => {
      const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
      const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: first.namespace, labels } };
      await applyObjects(adminKubeconfig, [namespace]);
      const target = ['--kubeconfig', adminKubeconfig, '--namespace', first.namespace];
      await helm(['install', first.name, chartFolder, ...target]);
    }, account);
  });
  after(() => cluster[Symbol.asyncDispose]());

  it('has a pod that the strictest Pod Security Standard admits, with every value that adds to it', async () => {
    const values = { caBundle: { pem: 'PEM' }, extraVolumes: [{ name: 'extra', emptyDir: {} }] };
    for (const changed of [{}, values]) {
      const deployment = (await renderChart(changed, first)).find(({ kind }) => kind === 'Deployment');
      const template = recordField(recordField(deployment, 'spec'), 'template');
      await cluster.asAdmin(`/api/v1/namespaces/${first.namespace}/pods?dryRun=All&fieldValidation=Strict`, {
        method: 'POST',
        body: {
          metadata: { name: 'kube-lego', ...recordField(template, 'metadata') },
          spec: template?.['spec'],
        },
      });
    }
  });

  it('consists of objects without an unknown field', async () => {
    const values = {
      replicas: 3,
      fullnameOverride: 'certificates',
      serviceAccount: { create: false, name: 'ours' },
      podDisruptionBudget: { maxUnavailable: '50%' },
      gateway: { enabled: true, sameNamespace: true },
      dns01: {
        enabled: true,
        externalDns: true,
        zones: { 'shop.example': { provider: 'external-dns', namespaces: ['team-a'] } },
      },
      watchNamespaces: ['team-a'],
      secretWatch: true,
      networkPolicy: { restricted: true },
      dashboard: { enabled: true },
      caBundle: { pem: 'PEM' },
      eab: { keyId: 'id', existingSecret: 'eab' },
      service: { port: 80 },
      image: { digest: `sha256:${'0'.repeat(64)}`, pullPolicy: 'Always' },
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' },
      ],
      tolerations: [{ operator: 'Exists' }],
    };
    await using other = await borrowCluster();
    const namespaces = [first.namespace, 'team-a'].map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name },
    }));
    await applyObjects(other.adminKubeconfig, [...namespaces, ...(await renderChart({}, first))]);
    await applyObjects(other.adminKubeconfig, await renderChart(values, first));
  });

  it('confines its ServiceAccount, whatever its name and its namespace are', async () => {
    await assertConfined(cluster, configOf(await renderChart({}, first), first.namespace), 'team-a');
  });

  it('stands beside one in another namespace, with another annotation, and beside none in its own', async () => {
    const values = { settings: { kubeAnnotation: 'example.com/tls' } };
    await install(second, values, ['--create-namespace']);
    assert.match(JSON.stringify(await templateOf(second)), /example\.com\/tls/);
    assert.doesNotMatch(JSON.stringify(await templateOf(first)), /example\.com\/tls/);
    await assert.rejects(install({ ...second, name: 'another' }), /Role "kube-lego".*cannot be imported/);
    await onRelease('uninstall', second);
    assert.deepEqual(
      (await namesAt(policies)).filter((name) => name.startsWith('public')),
      [],
    );
  });

  it('rolls the pods when a setting changes, and goes back', async () => {
    const before = await templateOf(first);
    await onRelease('upgrade', first, [chartFolder, '--values=-'], {
      settings: { email: 'you@example.com' },
    });
    const after = await templateOf(first);
    assert.notDeepEqual(after, before);
    assert.match(JSON.stringify(after), /internal-kube-lego-settings/);
    await onRelease('rollback', first, ['1']);
    assert.deepEqual(await templateOf(first), before);
  });

  it('leaves certificates, account and ledger when it is uninstalled, and says so before', async () => {
    assert.match(await onRelease('get notes', first), /`helm uninstall` leaves/);
    const own = `/api/v1/namespaces/${first.namespace}`;
    const kept = async () => ({
      secrets: (await namesAt(`${own}/secrets`)).filter((name) => !name.startsWith('sh.helm.release')),
      records: await namesAt(`${own}/configmaps`),
      certificates: await namesAt('/api/v1/namespaces/team-a/secrets'),
    });
    const before = await kept();
    assert.deepEqual(before, {
      secrets: ['kube-lego-account'],
      records: ['kube-lego-ledger-0'],
      certificates: ['web-tls'],
    });
    await onRelease('uninstall', first);
    assert.deepEqual(await kept(), before);
    assert.deepEqual(
      (await namesAt(policies)).filter((name) => name.includes('kube-lego')),
      [],
    );
    await assert.rejects(cluster.asAdmin(deploymentOf(first)));
  });

  it('goes on with them when it is installed again', async () => {
    await install(first);
    const resourceAttributes = {
      namespace: first.namespace,
      verb: 'update',
      resource: 'secrets',
      name: 'kube-lego-account',
    };
    const user = `system:serviceaccount:${account.namespace}:${account.name}`;
    // The API server learns of new rights a moment later.
    await eventually('it may write to the account', async () => {
      const review = await cluster.asAdmin('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        method: 'POST',
        body: { spec: { resourceAttributes, user } },
      });
      return recordField(review, 'status')?.['allowed'] === true;
    });
  });
});

describe('a release of the chart in place of `kubectl apply -k`', () => {
  it('takes over the objects, and the Deployment stays the same one', async () => {
    cluster = await deploy('base');
    try {
      const path = '/apis/apps/v1/namespaces/kube-lego/deployments/kube-lego';
      const before = await cluster.asAdmin(path);
      await install(usualRelease, {}, ['--take-ownership', '--force-conflicts']);
      const after = await cluster.asAdmin(path);
      assert.equal(recordField(after, 'metadata')?.['uid'], recordField(before, 'metadata')?.['uid']);
      assert.deepEqual(recordField(after, 'spec'), recordField(before, 'spec'));
      const settings = { email: 'you@example.com', url: 'https://ca.example.com/directory', profile: 'any' };
      await onRelease('upgrade', usualRelease, [chartFolder, '--values=-', '--force-conflicts'], {
        settings,
      });
      assert.match(JSON.stringify(await cluster.asAdmin(path)), /kube-lego-settings/);
      // And back.
      await cluster.apply('base');
      assertDone(await cluster.asKubeLego('/apis/networking.k8s.io/v1/ingresses'));
    } finally {
      await cluster[Symbol.asyncDispose]();
    }
  });
});
