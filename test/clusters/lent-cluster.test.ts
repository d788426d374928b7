import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiClient } from '../../deploy/local/api-client.ts';
import type { ClusterAccess } from '../../deploy/local/cluster-access.ts';
import { installGatewayApi } from '../../deploy/local/gateway-api.ts';
import { readKubeconfig } from '../../deploy/local/kubeconfig.ts';
import { applyObjects } from '../../deploy/local/manifests.ts';
import { arrayField, recordField } from '../../src/process/json.ts';
import { policy, stamps } from '../controller-failures/objects.ts';
import { eventually } from '../time/eventually.ts';
import { LentCluster } from './lent-cluster.ts';

const user = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'somebody' };
const reader = { kind: 'ClusterRole', apiGroup: 'rbac.authorization.k8s.io', name: 'reader' };
const rbac = 'rbac.authorization.k8s.io/v1';

/** What the next one would notice: labels that it has not given, a refusal, a permission. */
const left = [
  ...stamps('stamped', [['', 'configmaps']], { labels: { stamped: 'yes' }, annotations: {} }),
  ...policy('none', { apiGroup: '', resource: 'secrets', operations: ['CREATE'] }, 'false', 'no Secrets'),
  {
    apiVersion: rbac,
    kind: 'ClusterRole',
    metadata: { name: 'reader' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
  },
  {
    apiVersion: rbac,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'reader' },
    roleRef: reader,
    subjects: [user],
  },
];
const gateway = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name: 'edge', namespace: 'default', finalizers: ['example.com/held'] },
  spec: { gatewayClassName: 'edge', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
};
const gateways = '/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways';

describe('a cluster that is lent to one after the other', () => {
  let lent: LentCluster;
  let cluster: ClusterAccess;
  let admin: ApiClient;

  before(async () => {
    lent = await LentCluster.start();
    cluster = lent.access;
    admin = cluster.adminClient();
  });
  after(async () => {
    await admin.close();
    await lent.stop();
  });

  /** What is answered to a creation of this in the namespace default, which is not kept. */
  function create(resource: string, api = admin) {
    const body = { metadata: { name: 'new' } };
    return api.request(`/api/v1/namespaces/default/${resource}?dryRun=All`, { method: 'POST', body });
  }

  async function isStamped(): Promise<boolean> {
    const metadata = recordField((await create('configmaps')).body, 'metadata');
    return recordField(metadata, 'labels')?.['stamped'] === 'yes';
  }

  async function isReader(): Promise<boolean> {
    const resourceAttributes = { resource: 'pods', verb: 'get' };
    const review = await admin.expect('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      method: 'POST',
      body: { spec: { user: user.name, resourceAttributes } },
    });
    return recordField(review, 'status')?.['allowed'] === true;
  }

  it('heeds no policy and no role of before, once it is clean', async () => {
    await applyObjects(cluster.adminKubeconfig, left);
    await eventually('Secrets are refused', async () => (await create('secrets')).status === 422);
    await eventually('ConfigMaps are stamped', isStamped);
    await eventually('the role is granted', isReader);

    await lent.clean();

    assert.equal((await create('secrets')).status, 201);
    assert.equal(await isStamped(), false);
    assert.equal(await isReader(), false);
  });

  it('serves no kind of before, once it is clean', async () => {
    await installGatewayApi(cluster, { kinds: ['Gateway'] });
    await applyObjects(cluster.adminKubeconfig, [gateway]);

    await lent.clean();

    assert.equal((await admin.request(gateways)).status, 404);
    assert.ok(!JSON.stringify(await admin.request('/apis')).includes('gateway'));
    await installGatewayApi(cluster, { kinds: ['Gateway'] });
    assert.deepEqual(arrayField(await admin.expect(gateways), 'items'), []);
    await lent.clean();
  });

  it('has our policies in force as soon as it is prepared, also for the second time', async () => {
    for (let round = 0; round < 2; round += 1) {
      await lent.prepare('deployment');
      const kubeconfig = await cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego');
      await using kubeLego = new ApiClient(await readKubeconfig(kubeconfig));
      assert.equal((await create('secrets', kubeLego)).status, 422);
      await lent.prepare('nothing');
      assert.equal((await admin.request('/api/v1/namespaces/kube-lego')).status, 404);
    }
  });
});
