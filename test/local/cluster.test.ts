import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { ApiClient } from '../../deploy/local/api-client.ts';
import { readAuditLog } from '../../deploy/local/audit-log.ts';
import { type Cluster, startCluster } from '../../deploy/local/cluster.ts';
import { readKubeconfig } from '../../deploy/local/kubeconfig.ts';
import { applyObjects } from '../../deploy/local/manifests.ts';
import { processesWith } from './processes.ts';

describe('a local cluster', () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await startCluster();
    await applyObjects(cluster.adminKubeconfig, [
      // Before its namespace, on purpose.
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader', namespace: 'team' } },
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'reader', namespace: 'team' },
        rules: [{ apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs: ['list'] }],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'reader', namespace: 'team' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
        subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'team' }],
      },
    ]);
  });
  after(() => cluster.stop());

  test('answers a ServiceAccount as far as RBAC lets it, and no further', async () => {
    await using client = await clientOf('reader');
    assert.equal((await client.request('/apis/networking.k8s.io/v1/namespaces/team/ingresses')).status, 200);
    assert.equal((await client.request('/api/v1/namespaces/team/secrets')).status, 403);
  });

  test('says who asked for what, how it ended, and whether it was a dry run', async () => {
    await using client = await clientOf('reader');
    await client.request('/api/v1/namespaces/team/secrets?dryRun=All', {
      method: 'POST',
      body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'certificate' } },
    });
    const records = await readAuditLog(cluster.auditLog);
    const record = records.findLast(({ user }) => user === 'system:serviceaccount:team:reader');
    assert.partialDeepStrictEqual(record, {
      verb: 'create',
      resource: 'secrets',
      namespace: 'team',
      dryRun: true,
      status: 403,
    });
  });

  test('keeps objects, address and tokens when its API server is restarted', async () => {
    await using client = await clientOf('reader');
    await cluster.restartApiServer();
    assert.equal((await client.request('/apis/networking.k8s.io/v1/namespaces/team/ingresses')).status, 200);
  });

  test('has no token for a ServiceAccount that does not exist', async () => {
    await assert.rejects(cluster.serviceAccountKubeconfig('team', 'nobody'), {
      code: 'RequestFailed',
      message: /answered with 404: serviceaccounts "nobody" not found/,
    });
  });

  test('enforces admission policies', async () => {
    await using admin = cluster.adminClient();
    await applyObjects(cluster.adminKubeconfig, [
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'no-config' },
        spec: {
          matchConstraints: {
            resourceRules: [
              { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] },
            ],
          },
          validations: [{ expression: 'false', message: 'no ConfigMaps here' }],
        },
      },
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'no-config' },
        spec: { policyName: 'no-config', validationActions: ['Deny'] },
      },
    ]);
    const deadline = performance.now() + 10_000;
    let status = 0;
    while (status !== 422 && performance.now() < deadline) {
      ({ status } = await admin.request('/api/v1/namespaces/team/configmaps?dryRun=All', {
        method: 'POST',
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config' } },
      }));
    }
    assert.equal(status, 422);
  });

  test('is gone after stop', async () => {
    const other = await startCluster();
    assert.equal(processesWith(other.directory).length >= 2, true);
    await other.stop();
    assert.deepEqual(processesWith(other.directory), []);
    assert.equal(existsSync(other.directory), false);
  });

  async function clientOf(account: string): Promise<ApiClient> {
    return new ApiClient(await readKubeconfig(await cluster.serviceAccountKubeconfig('team', account)));
  }
});
