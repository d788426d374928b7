import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { installGatewayApi, removeGatewayApi } from '../../deploy/local/gateway-api.ts';
import { gatewayClass } from '../../deploy/local/world.ts';
import { arrayField } from '../../src/process/json.ts';
import { ingress } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { httpsListener, listener, manifest } from '../local/gateway-drafts.ts';
import { olderGatewayApi } from '../local/older-gateway-api.ts';
import { eventually } from '../time/eventually.ts';

const group = '/apis/gateway.networking.k8s.io';
const limit = 60_000;
const metadata = { annotations: { 'kubernetes.io/tls-acme': 'true' } };

describe('with Gateway API 1.4: XListenerSet, and ReferenceGrant in v1beta1 alone', () => {
  let stage: Stage;

  before(async () => {
    stage = await startStage({ namespaces: ['shop', 'blog'], gatewayApi: 'later' });
    await installGatewayApi(stage.world.cluster, { definitions: olderGatewayApi() });
    await stage.apply(gatewayClass);
    await stage.startController({ LEGO_GATEWAY_API: 'on' });
  });
  after(() => stage.stop());

  it('a Gateway whose listener lets in its own namespace only, and an XListenerSet get their certificates', async () => {
    const gateway = manifest('Gateway', 'shop/edge', {
      gatewayClassName: 'edge',
      allowedListeners: { namespaces: { from: 'All' } },
      // Same is the default of allowedRoutes: the challenge route needs a ReferenceGrant.
      listeners: [
        listener({ name: 'http' }),
        httpsListener('site-tls', { name: 'site', hostname: 'site.example.com' }),
      ],
    });
    const set = manifest(
      'XListenerSet',
      'blog/team',
      {
        parentRef: { namespace: 'shop', name: 'edge' },
        listeners: [httpsListener('team-tls', { name: 'team', hostname: 'team.example.com' })],
      },
      'gateway.networking.x-k8s.io/v1alpha1',
    );
    for (const object of [gateway, set]) {
      await stage.apply({ ...object, metadata: { ...object.metadata, ...metadata } });
    }
    await stage.untilIssued('Gateway shop/edge', 'ListenerSet blog/team');
    for (const secret of ['shop/site-tls', 'blog/team-tls']) assert.ok(await stage.secret(secret));
    await eventually(
      'no ReferenceGrant and no challenge route is left',
      async () => {
        const paths = [`${group}/v1beta1/referencegrants`, `${group}/v1/httproutes`];
        const left = await Promise.all(
          paths.map(async (path) => arrayField(await stage.object(path), 'items')),
        );
        return left.flat().length === 0;
      },
      limit,
    );
  });

  it('an Ingress gets its own when the kinds have been removed, and there is no error in the log', async () => {
    await removeGatewayApi(stage.world.cluster, { definitions: olderGatewayApi() });
    await stage.apply(ingress('shop/site', { tls: { 'web-tls': ['web.example.com'] } }));
    await stage.untilIssued('shop/site');
    assert.deepEqual(
      (await stage.log()).filter(({ level }) => level === 'error'),
      [],
    );
  });
});
