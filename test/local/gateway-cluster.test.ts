import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ApiClient } from '../../deploy/local/api-client.ts';
import { type App, startApp } from '../../deploy/local/app.ts';
import type { ClusterAccess } from '../../deploy/local/cluster-access.ts';
import { type Edge, startEdge } from '../../deploy/local/edge/edge.ts';
import { localGatewayController } from '../../deploy/local/edge/options.ts';
import { installGatewayApi, removeGatewayApi } from '../../deploy/local/gateway-api.ts';
import { applyObjects } from '../../deploy/local/manifests.ts';
import { type Session, startSession } from '../../deploy/local/session.ts';
import { gatewayClass } from '../../deploy/local/world.ts';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import { borrowCluster } from '../clusters/borrow.ts';
import { eventually } from '../time/eventually.ts';
import { ask, certificateFor, certificateOf } from './edge-world.ts';
import { fromAll, httpsListener, listener, manifest, rule } from './gateway-drafts.ts';
import { olderGatewayApi } from './older-gateway-api.ts';

const group = '/apis/gateway.networking.k8s.io/v1/namespaces';
const host = 'a.shop.test';

describe('an edge with Gateway API', () => {
  let cluster: ClusterAccess;
  let session: Session;
  let api: ApiClient;
  let site: App;
  let edge: Edge;

  before(async () => {
    [cluster, session, site] = await Promise.all([borrowCluster(), startSession(), startApp('Site')]);
    api = cluster.adminClient();
    await applyObjects(cluster.adminKubeconfig, [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'infra' } },
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a' } } },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { namespace: 'shop', name: 'web' },
        spec: { ports: [{ port: 80 }] },
      },
    ]);
    edge = await startEdge({
      session,
      kubeconfig: cluster.adminKubeconfig,
      gatewayController: localGatewayController,
      services: { 'shop/web:80': site.port },
    });
  });
  after(async () => {
    await api.close();
    await session.stop();
    await site.stop();
    await cluster.stop();
  });

  it('serves its kinds as soon as they are there, and writes their status', async () => {
    assert.equal(await status('/'), 404);
    await installGatewayApi(cluster);
    const selector = { matchLabels: { team: 'a' } };
    const listeners = [
      listener({ name: 'web', allowedRoutes: { namespaces: { from: 'Selector', selector } } }),
      httpsListener('cert', { name: 'tls', hostname: '*.shop.test', allowedRoutes: fromAll }),
    ];
    await applyObjects(cluster.adminKubeconfig, [
      gatewayClass,
      manifest('Gateway', 'infra/gate', {
        gatewayClassName: 'edge',
        allowedListeners: { namespaces: { from: 'All' } },
        listeners,
      }),
      manifest('HTTPRoute', 'shop/site', {
        parentRefs: [{ namespace: 'infra', name: 'gate' }],
        hostnames: [host],
        rules: [rule('web:80')],
      }),
    ]);
    await eventually('the site is served', async () => (await status('/')) === 200);
    await eventually('the class is accepted', async () => {
      const found = await api.expect('/apis/gateway.networking.k8s.io/v1/gatewayclasses/edge');
      return conditionsOf(recordField(found, 'status')) === 'Accepted';
    });
    await eventually('the Gateway says what it serves', async () => {
      const { conditions, listeners: said } = await gatewayStatus();
      return (
        conditions === 'Accepted Programmed' &&
        said['web'] === '1 Accepted Programmed ResolvedRefs' &&
        said['tls'] === '1 Accepted'
      );
    });
    await eventually('the route says that it is accepted, as it is now', async () => {
      const found = await api.expect(`${group}/shop/httproutes/site`);
      const [parent] = arrayField(recordField(found, 'status'), 'parents');
      return (
        conditionsOf(parent) === 'Accepted ResolvedRefs' &&
        stringField(parent, 'controllerName') === localGatewayController
      );
    });
  });

  it('keeps a listener down until its Secret is there', async () => {
    await assert.rejects(certificateFor(edge.httpsPort, host));
    const { certificatePem, keyPem } = certificateOf(host);
    await api.expect('/api/v1/namespaces/infra/secrets', {
      method: 'POST',
      body: {
        metadata: { name: 'cert' },
        type: 'kubernetes.io/tls',
        stringData: { 'tls.crt': certificatePem, 'tls.key': keyPem },
      },
    });
    await eventually('the listener is programmed', async () => {
      return (await gatewayStatus()).listeners['tls'] === '1 Accepted Programmed ResolvedRefs';
    });
    assert.equal(await certificateFor(edge.httpsPort, host), `DNS:${host}`);
  });

  it('has written the status once, and not again', async () => {
    const versions = async (): Promise<unknown[]> =>
      Promise.all(
        ['infra/gateways/gate', 'shop/httproutes/site'].map(async (path) => {
          const found = await api.expect(`${group}/${path}`);
          return recordField(found, 'metadata')?.['resourceVersion'];
        }),
      );
    const before = await versions();
    // A change that it must have seen, and that concerns neither.
    await applyObjects(cluster.adminKubeconfig, [
      manifest('ListenerSet', 'shop/set', {
        parentRef: { namespace: 'infra', name: 'gate' },
        listeners: [listener({ name: 'b', hostname: 'b.test' }), listener({ name: 'again' })],
      }),
    ]);
    await eventually('the ListenerSet says which listener it has not', async () => {
      const found = await api.expect(`${group}/shop/listenersets/set`);
      const said = recordField(found, 'status');
      const each = arrayField(said, 'listeners').map(conditionsOf);
      return (
        conditionsOf(said) === 'Accepted Programmed' &&
        each.join() === 'Accepted Programmed ResolvedRefs,Conflicted ResolvedRefs'
      );
    });
    assert.deepEqual(await versions(), before);
  });

  it('follows an older version of a kind in the place of the newer', async () => {
    const set = 'gateway.networking.x-k8s.io/v1alpha1';
    await removeGatewayApi(cluster, { kinds: ['ListenerSet'] });
    await installGatewayApi(cluster, {
      definitions: olderGatewayApi(),
      kinds: ['ReferenceGrant', 'XListenerSet'],
    });
    const listeners = [listener({ name: 'x', hostname: 'x.test' })];
    const parentRef = { namespace: 'infra', name: 'gate' };
    await applyObjects(cluster.adminKubeconfig, [
      manifest('XListenerSet', 'shop/set', { parentRef, listeners }, set),
      manifest('HTTPRoute', 'infra/across', {
        parentRefs: [
          { group: 'gateway.networking.x-k8s.io', kind: 'XListenerSet', namespace: 'shop', name: 'set' },
        ],
        rules: [rule('web:80', '/', 'shop')],
      }),
    ]);
    await eventually('the route is refused by the ListenerSet', async () => {
      return (await parentOf('infra/httproutes/across')) === 'NotAllowedByListeners RefNotPermitted';
    });
    const allowing = listeners.map((each) => ({ ...Object(each), allowedRoutes: fromAll }));
    await applyObjects(cluster.adminKubeconfig, [
      manifest('XListenerSet', 'shop/set', { parentRef, listeners: allowing }, set),
      manifest(
        'ReferenceGrant',
        'shop/grant',
        {
          from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'infra' }],
          to: [{ group: '', kind: 'Service' }],
        },
        'gateway.networking.k8s.io/v1beta1',
      ),
    ]);
    await eventually('the route is accepted', async () => {
      return (await parentOf('infra/httproutes/across')) === 'Accepted ResolvedRefs';
    });
    assert.equal(await status('/', 'x.test'), 200);
  });

  it('serves none of it when the kinds have gone', async () => {
    await removeGatewayApi(cluster, { kinds: ['HTTPRoute'] });
    await eventually('the site is gone', async () => (await status('/')) === 404);
  });

  async function status(path: string, name = host): Promise<number> {
    return (await ask(edge.httpPort, { path, headers: { host: name } })).status;
  }

  async function gatewayStatus(): Promise<{ conditions: string; listeners: Record<string, string> }> {
    const found = recordField(await api.expect(`${group}/infra/gateways/gate`), 'status');
    const listeners = arrayField(found, 'listeners').map((each) => {
      const attached = recordField({ each }, 'each')?.['attachedRoutes'];
      return [stringField(each, 'name') ?? '', `${String(attached)} ${conditionsOf(each)}`] as const;
    });
    return { conditions: conditionsOf(found), listeners: Object.fromEntries(listeners) };
  }

  /** The reasons of the conditions of its first parent. */
  async function parentOf(path: string): Promise<string> {
    const [parent] = arrayField(recordField(await api.expect(`${group}/${path}`), 'status'), 'parents');
    return arrayField(parent, 'conditions')
      .map((condition) => stringField(condition, 'reason'))
      .join(' ');
  }
});

/** The types of the conditions that hold. */
function conditionsOf(part: unknown): string {
  return arrayField(part, 'conditions')
    .filter((condition) => stringField(condition, 'status') === 'True')
    .map((condition) => stringField(condition, 'type'))
    .join(' ');
}
