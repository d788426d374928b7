import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import type { ApiClient } from '../../../deploy/local/api-client.ts';
import type { ClusterAccess } from '../../../deploy/local/cluster-access.ts';
import { installGatewayApi, removeGatewayApi } from '../../../deploy/local/gateway-api.ts';
import { applyObjects } from '../../../deploy/local/manifests.ts';
import { settlingTime } from '../../../machines/gateway/settled-attachments.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import type { SupervisorEvent } from '../../../machines/supervisor/supervisor-messages.ts';
import { minute, second } from '../../../machines/time/durations.ts';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import { GatewaySources } from '../../../src/sources/gateway/gateway-sources.ts';
import { GatewayWatch } from '../../../src/sources/gateway/gateway-watch.ts';
import { borrowCluster } from '../../clusters/borrow.ts';
import { olderGatewayApi } from '../../local/older-gateway-api.ts';
import { recordedLog } from '../../process/recorded-log.ts';
import { eventually } from '../../time/eventually.ts';
import { ManualClock } from '../../time/manual-clock.ts';

const group = 'gateway.networking.k8s.io';
const limit = 60_000;

function gateway(name: string, listeners: readonly object[], changes: object = {}) {
  return {
    apiVersion: `${group}/v1`,
    kind: 'Gateway',
    metadata: { namespace: 'default', name, annotations: { 'kubernetes.io/tls-acme': 'true' } },
    spec: { gatewayClassName: 'edge', listeners },
    ...changes,
  };
}

function https(name: string, secretName: string, hostname?: string) {
  return {
    name,
    port: 443,
    protocol: 'HTTPS',
    tls: { certificateRefs: [{ name: secretName }] },
    ...(hostname === undefined ? {} : { hostname }),
  };
}

describe('Gateways as sources', () => {
  let cluster: ClusterAccess;
  let api: ApiClient;
  let client: KubernetesClient;
  let clock: ManualClock;
  let stop: AbortController;
  let log: ReturnType<typeof recordedLog>;
  let told: SupervisorEvent[];
  let watch: GatewayWatch;
  let sources: GatewaySources;

  before(async () => {
    cluster = await borrowCluster();
    api = cluster.adminClient();
  });
  after(async () => {
    await removeGatewayApi(cluster);
    await removeGatewayApi(cluster, { definitions: olderGatewayApi() });
    await api[Symbol.asyncDispose]();
    await cluster.stop();
  });

  beforeEach(() => {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(cluster.adminKubeconfig);
    client = createKubernetesClient(kubeConfig);
    clock = new ManualClock();
    stop = new AbortController();
    log = recordedLog();
    told = [];
    const { signal } = stop;
    const config = { annotationKey: 'kubernetes.io/tls-acme', namespace: 'kube-lego', watchNamespaces: [] };
    watch = new GatewayWatch({ config, client, clock, signal, log: log.log });
    const tellSupervisor = (event: SupervisorEvent) => told.push(event);
    sources = new GatewaySources({ watch, clock, signal, isHeldBy: () => false, tellSupervisor });
  });
  afterEach(async () => {
    stop.abort();
    await sources.stopped();
    await client.close();
    // The manual clock makes minutes of the moments for which the API server is busy with the storage of a kind.
    const isBusy = (record: object): boolean => recordField(record, 'err')?.['code'] === 'TooManyRequests';
    assert.deepEqual(
      log.records.filter((record) => record['level'] !== 'debug' && !isBusy(record)),
      [],
      'nothing is in the log',
    );
  });

  const find = (name: string, kind = 'Gateway'): SourceSpec | undefined =>
    sources.find(`${kind}/default/${name}`);
  const hostsOf = (name: string, kind?: string): string =>
    (find(name, kind)?.tls ?? []).map(({ secretName, hosts }) => `${secretName}: ${hosts.join(' ')}`).join();
  const until = (what: string, condition: () => boolean): Promise<void> => eventually(what, condition, limit);
  /** Lets the look at what is served be due as often as it takes. */
  const untilDiscovered = (what: string, condition: () => boolean): Promise<void> =>
    eventually(
      what,
      () => {
        if (!condition()) clock.advance(minute);
        return condition();
      },
      limit,
    );
  const accept = async (name: string, parentRef: object): Promise<void> => {
    const condition = {
      status: 'True',
      reason: 'Accepted',
      message: '',
      observedGeneration: 1,
      lastTransitionTime: '2026-11-24T12:00:00Z',
    };
    const conditions = ['Accepted', 'ResolvedRefs'].map((type) => ({ ...condition, type }));
    const status = { parents: [{ parentRef, controllerName: 'example.com/edge', conditions }] };
    await api.expect(`/apis/${group}/v1/namespaces/default/httproutes/${name}/status`, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { status },
    });
  };

  it('hold up nobody where there is no Gateway API, and are found when it comes, and gone when it goes', async () => {
    watch.start();
    await until('it is known that there are none', () => sources.synced);
    assert.equal(watch.served, false);
    assert.deepEqual(told, [{ type: 'SYNCED' }]);

    await installGatewayApi(cluster);
    await applyObjects(cluster.adminKubeconfig, [
      gateway('edge', [
        https('shop', 'shop-tls', 'shop.example.com'),
        https('all', 'all-tls', '*.example.com'),
      ]),
    ]);
    await untilDiscovered('the Gateway is known', () => hostsOf('edge') === 'shop-tls: shop.example.com');
    await until('the routes are known', () => watch.served);
    assert.deepEqual(find('edge')?.awaited, ['shop-tls', 'all-tls']);

    const app = {
      apiVersion: `${group}/v1`,
      kind: 'HTTPRoute',
      metadata: { namespace: 'default', name: 'app' },
      spec: { parentRefs: [{ name: 'edge', sectionName: 'all' }], hostnames: ['app.example.com'] },
    };
    await applyObjects(cluster.adminKubeconfig, [app]);
    await until('the route is known', () => [...watch.routes()].length === 1);
    assert.equal(hostsOf('edge'), 'shop-tls: shop.example.com', 'it is not accepted yet');
    await accept('app', { group, kind: 'Gateway', name: 'edge', sectionName: 'all' });
    const withApp = 'shop-tls: shop.example.com,all-tls: app.example.com';
    await until("the route's hostname counts", () => hostsOf('edge') === withApp);

    const events = told.length;
    for (const hostname of ['other.example.com', 'third.example.com']) {
      await applyObjects(cluster.adminKubeconfig, [{ ...app, spec: { ...app.spec, hostnames: [hostname] } }]);
    }
    await until('the change is seen', () => [...watch.routes()][0]?.hostnames[0] === 'third.example.com');
    clock.advance(settlingTime - 1);
    assert.equal(hostsOf('edge'), withApp);
    clock.advance(1);
    const changed = 'shop-tls: shop.example.com,all-tls: third.example.com';
    await until('the last hostname counts', () => hostsOf('edge') === changed);
    assert.equal(told.length, events + 1, 'two changes within a minute are one');

    await removeGatewayApi(cluster);
    await untilDiscovered('they are gone', () => !watch.served && find('edge') === undefined);
    assert.deepEqual(told.at(-1), { type: 'SOURCE_GONE', key: 'Gateway/default/edge' });
  });

  it('are read of Gateway API 1.4, with XListenerSets and ReferenceGrants of v1beta1', async () => {
    await installGatewayApi(cluster, { definitions: olderGatewayApi() });
    await applyObjects(cluster.adminKubeconfig, [
      gateway('edge', [{ name: 'http', port: 80, protocol: 'HTTP' }]),
      {
        apiVersion: 'gateway.networking.x-k8s.io/v1alpha1',
        kind: 'XListenerSet',
        metadata: { namespace: 'default', name: 'team', annotations: { 'kubernetes.io/tls-acme': 'true' } },
        spec: { parentRef: { name: 'edge' }, listeners: [https('team', 'team-tls', 'team.example.com')] },
      },
      {
        apiVersion: `${group}/v1beta1`,
        kind: 'ReferenceGrant',
        metadata: { namespace: 'default', name: 'all' },
        spec: {
          from: [{ group, kind: 'HTTPRoute', namespace: 'shop' }],
          to: [{ group: '', kind: 'Service' }],
        },
      },
    ]);
    watch.start();
    const asked = 'team-tls: team.example.com';
    await untilDiscovered('the set is known', () => hostsOf('team', 'ListenerSet') === asked);
    await until('the grant is known', () => [...watch.grants()].length === 1);
    assert.equal(watch.collectionOf('ListenerSet')?.resource, 'xlistenersets');
  });

  it('are no moment gone while they are read in another version', async () => {
    await installGatewayApi(cluster);
    await applyObjects(cluster.adminKubeconfig, [
      gateway('edge', [https('shop', 'shop-tls', 'shop.example.com')]),
    ]);
    watch.start();
    await untilDiscovered('the Gateway is known', () => hostsOf('edge') !== '');
    const definition = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gateways.${group}`;
    const versions = arrayField(recordField(await api.expect(definition), 'spec'), 'versions');
    await api.expect(definition, {
      method: 'PATCH',
      contentType: 'application/json-patch+json',
      body: versions.flatMap((version, at) =>
        stringField(version, 'name') === 'v1'
          ? [{ op: 'replace', path: `/spec/versions/${at}/served`, value: false }]
          : [],
      ),
    });
    const isOther = () => watch.collectionOf('Gateway').apiVersion === `${group}/v1beta1`;
    await untilDiscovered('the other version is found', isOther);
    const listed = () => watch.statesOf('Gateway').every(({ synced }) => synced);
    await eventually(
      'it is read',
      () => {
        // The API server asks for a second's patience while it begins to serve the other version.
        if (!listed()) clock.advance(second);
        return listed();
      },
      limit,
    );
    assert.deepEqual(
      told.filter(({ type }) => type === 'SOURCE_GONE'),
      [],
    );
    assert.equal(hostsOf('edge'), 'shop-tls: shop.example.com');
  });
});
