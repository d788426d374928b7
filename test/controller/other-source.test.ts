import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { applyObjects } from '../../deploy/local/manifests.ts';
import { startWorld, type World } from '../../deploy/local/world.ts';
import type { SourceSpec } from '../../machines/ownership/source-spec.ts';
import { createController } from '../../src/controller.ts';
import { loadKubeConfig } from '../../src/kubernetes/client/kube-config.ts';
import { arrayField, recordField, stringField } from '../../src/process/json.ts';
import type { Lifecycle } from '../../src/process/lifecycle.ts';
import { ingressSource } from '../../src/sources/ingress/ingress-source.ts';
import type { Source } from '../../src/sources/source.ts';
import { systemClock } from '../../src/time/clock.ts';
import { borrowCluster } from '../clusters/borrow.ts';
import { ingress } from '../controller-failures/objects.ts';
import { saidOf } from '../kubernetes/records/written-status.ts';
import { configOf, onFailure } from '../process/controller-config.ts';
import { recordedLog } from '../process/recorded-log.ts';
import { eventually } from '../time/eventually.ts';

/** A ConfigMap with the annotation asks for the hosts that it lists, in the Secret that it names. */
const configMapSource: Source = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  resource: 'configmaps',
  project(object): SourceSpec {
    const metadata = recordField(object, 'metadata');
    const annotations = recordField(metadata, 'annotations');
    const data = recordField(object, 'data');
    const enabled = stringField(annotations, 'kubernetes.io/tls-acme') === 'true';
    const asked = {
      secretName: stringField(data, 'secretName'),
      hosts: (stringField(data, 'hosts') ?? '').split(' '),
    };
    return {
      kind: 'ConfigMap',
      uid: stringField(metadata, 'uid') ?? '',
      namespace: stringField(metadata, 'namespace') ?? '',
      name: stringField(metadata, 'name') ?? '',
      createdAt: Date.parse(stringField(metadata, 'creationTimestamp') ?? ''),
      enabled,
      ingressClass: { form: 'field', name: 'edge' },
      tls: enabled ? [asked] : [],
      ruleHosts: [],
      retry: undefined,
      keyType: undefined,
      profile: undefined,
      selfCheck: undefined,
      certManager: false,
      status: stringField(annotations, 'kube-lego.io/status'),
    };
  },
};

describe('a source of another kind beside the Ingress', () => {
  let world: World;
  let controller: Lifecycle;
  const { log, records } = recordedLog();

  before(async () => {
    const cluster = await borrowCluster('deployment');
    world = await startWorld({ cluster, deployed: true, namespaces: ['shop'] });
    const access = loadKubeConfig({ env: { KUBECONFIG: world.cluster.adminKubeconfig } });
    const { pebble, dns, edge } = world;
    const ports = await world.releasePorts();
    const config = configOf({
      LEGO_NAMESPACE: 'kube-lego',
      LEGO_EMAIL: 'ops@example.com',
      LEGO_URL: pebble.directoryUrl,
      LEGO_CA_BUNDLE: pebble.caBundle,
      LEGO_DNS_SERVERS: dns.address,
      LEGO_SERVICE_PORT: '8080',
      LEGO_PORT: String(ports.responder),
      LEGO_METRICS_PORT: String(ports.metrics),
      LEGO_HEALTH_PORT: String(ports.health),
      LEGO_INSPECTOR_PORT: String(ports.inspector),
      LEGO_HTTP01_PORT: String(edge.httpPort),
      LEGO_HTTPS_PORT: String(edge.httpsPort),
    });
    const sources = [ingressSource(config), configMapSource];
    controller = createController({
      config,
      access,
      log,
      clock: systemClock,
      sources,
      onFailure,
    });
    await controller.start();
  });
  after(async () => {
    await controller.stop();
    await world.stop();
  });

  it('gets its certificate, its Events and its status, and is not taken for an Ingress of its name', async () => {
    await applyObjects(world.cluster.adminKubeconfig, [
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          namespace: 'shop',
          name: 'site',
          annotations: { 'kubernetes.io/tls-acme': 'true' },
        },
        data: { hosts: 'map.example.com www.map.example.com', secretName: 'map-tls' },
      },
      ingress('shop/site', { tls: { 'site-tls': ['site.example.com'] } }),
    ]);
    const namesIn = async (secret: string): Promise<string | undefined> => {
      const { body } = await world.api.request(`/api/v1/namespaces/shop/secrets/${secret}`);
      const pem = stringField(recordField(body, 'data'), 'tls.crt');
      return pem && new X509Certificate(Buffer.from(pem, 'base64')).subjectAltName;
    };
    const object = () => world.api.expect('/api/v1/namespaces/shop/configmaps/site');
    const status = async () => saidOf(await object());
    const involved = async () => {
      const events = arrayField(await world.api.expect('/api/v1/namespaces/shop/events'), 'items');
      const objects = events.map((event) => recordField(event, 'involvedObject'));
      return objects.filter((about) => stringField(about, 'kind') === 'ConfigMap');
    };
    await eventually(
      'both have their certificates, and are told so',
      async () =>
        (await namesIn('map-tls')) === 'DNS:map.example.com, DNS:www.map.example.com' &&
        (await namesIn('site-tls')) === 'DNS:site.example.com' &&
        (await status()).includes('"state":"good"') &&
        (await involved()).length > 0,
      90_000,
    );

    const uid = stringField(recordField(await object(), 'metadata'), 'uid');
    assert.match(await status(), new RegExp(`"map-tls":\\{"state":"good",.*"ingress":"${uid}"`));
    assert.deepEqual(await involved(), [
      { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'site', uid },
    ]);

    const rows = () =>
      Promise.all(
        ['ConfigMap', 'Ingress'].map(async (kind) => {
          const url = `http://127.0.0.1:${world.ports.inspector}/sources/${kind}/shop/site`;
          const detail: unknown = await (await fetch(url)).json();
          const row = recordField(detail, 'row');
          return [stringField(row, 'key'), stringField(row, 'state'), arrayField(row, 'hosts').join()];
        }),
      );
    await eventually('both are at rest', async () => (await rows()).every(([, state]) => state === 'idle'));
    assert.deepEqual(await rows(), [
      ['ConfigMap/shop/site', 'idle', 'map.example.com,www.map.example.com'],
      ['Ingress/shop/site', 'idle', 'site.example.com'],
    ]);
    const stored = records.filter(({ secret, due }) => secret === 'map-tls' && due !== undefined);
    assert.deepEqual(
      stored.map(({ configmap }) => configmap),
      ['shop/site'],
      'the log names it by its kind',
    );
  });
});
