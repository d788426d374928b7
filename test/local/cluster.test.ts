import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { ApiClient } from '../../deploy/local/api-client.ts';
import { readAuditLog } from '../../deploy/local/audit-log.ts';
import { type Cluster, startCluster } from '../../deploy/local/cluster.ts';
import { readKubeconfig } from '../../deploy/local/kubeconfig.ts';
import { applyObjects } from '../../deploy/local/manifests.ts';
import { eventually } from '../time/eventually.ts';
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
    await untilListed(client);
    assert.equal((await client.request('/api/v1/namespaces/team/secrets')).status, 403);
  });

  test('says who asked for what, how it ended, and whether it was a dry run', async () => {
    await using client = await clientOf('reader');
    await client.request('/api/v1/namespaces/team/secrets?dryRun=All', {
      method: 'POST',
      body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'certificate' } },
    });
    // It is written a moment after the answer.
    await eventually('the request is in the audit log', async () =>
      (await readAuditLog(cluster.auditLog)).some(
        ({ user, verb, resource, namespace, dryRun, status }) =>
          user === 'system:serviceaccount:team:reader' &&
          `${verb} ${resource} ${namespace}` === 'create secrets team' &&
          dryRun &&
          status === 403,
      ),
    );
  });

  test('keeps objects, address and tokens when its API server is restarted', async () => {
    await using client = await clientOf('reader');
    await cluster.restartApiServer();
    await untilListed(client);
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
    await eventually('the policy is in force', async () => {
      const { status } = await admin.request('/api/v1/namespaces/team/configmaps?dryRun=All', {
        method: 'POST',
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config' } },
      });
      return status === 422;
    });
  });

  test('is gone after stop', async () => {
    assert.equal(processesWith(cluster.directory).length >= 2, true);
    await cluster.stop();
    assert.deepEqual(processesWith(cluster.directory), []);
    assert.equal(existsSync(cluster.directory), false);
  });

  /** The API server learns of roles and bindings a moment after they were written, or it was started. */
  async function untilListed(client: ApiClient): Promise<void> {
    const path = '/apis/networking.k8s.io/v1/namespaces/team/ingresses';
    await eventually('the list is allowed', async () => (await client.request(path)).status === 200);
  }

  async function clientOf(account: string): Promise<ApiClient> {
    return new ApiClient(await readKubeconfig(await cluster.serviceAccountKubeconfig('team', account)));
  }
});
