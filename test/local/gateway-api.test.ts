import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ApiClient } from '../../deploy/local/api-client.ts';
import type { ClusterAccess } from '../../deploy/local/cluster-access.ts';
import { installGatewayApi, removeGatewayApi } from '../../deploy/local/gateway-api.ts';
import { arrayField, stringField } from '../../src/process/json.ts';
import { borrowCluster } from '../clusters/borrow.ts';
import { olderGatewayApi } from './older-gateway-api.ts';

const group = '/apis/gateway.networking.k8s.io';

describe('the kinds of Gateway API', () => {
  let cluster: ClusterAccess;
  let api: ApiClient;

  before(async () => {
    cluster = await borrowCluster();
    api = cluster.adminClient();
  });
  after(async () => {
    await api.close();
    await cluster.stop();
  });

  it('are served once they are installed, with the rules of their definitions', async () => {
    await installGatewayApi(cluster);
    assert.deepEqual(await listed(`${group}/v1`), [
      'gatewayclasses',
      'gateways',
      'httproutes',
      'listenersets',
      'referencegrants',
    ]);
    const listener = { name: 'web', port: 80, protocol: 'HTTP' };
    const { status, body } = await api.request(`${group}/v1/namespaces/default/gateways`, {
      method: 'POST',
      body: {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'Gateway',
        metadata: { name: 'twice' },
        spec: { gatewayClassName: 'edge', listeners: [listener, { ...listener, name: 'again' }] },
      },
    });
    assert.equal(status, 422);
    assert.match(
      stringField(body, 'message') ?? '',
      /Combination of port, protocol and hostname must be unique/,
    );
  });

  it('can be those of an older version, without ReferenceGrant v1', async () => {
    await installGatewayApi(cluster, {
      definitions: olderGatewayApi(),
      kinds: ['ReferenceGrant', 'XListenerSet'],
    });
    assert.equal((await listed(`${group}/v1`)).includes('referencegrants'), false);
    assert.deepEqual((await listed(`${group}/v1beta1`)).includes('referencegrants'), true);
    assert.deepEqual(await listed('/apis/gateway.networking.x-k8s.io/v1alpha1'), ['xlistenersets']);
  });

  it('can be removed one by one', async () => {
    await removeGatewayApi(cluster, { kinds: ['ListenerSet', 'ReferenceGrant'] });
    assert.deepEqual(await listed(`${group}/v1`), ['gatewayclasses', 'gateways', 'httproutes']);
    await removeGatewayApi(cluster, { kinds: ['GatewayClass', 'Gateway', 'HTTPRoute'] });
    assert.equal((await api.request(`${group}/v1/gateways`)).status, 404);
  });

  async function listed(path: string): Promise<string[]> {
    return arrayField(await api.expect(path), 'resources')
      .map((resource) => stringField(resource, 'name') ?? '')
      .filter((name) => !name.includes('/'))
      .toSorted((a, b) => (a < b ? -1 : 1));
  }
});
