import { applyObjects, type Manifest } from '../../deploy/local/manifests.ts';
import { apiWritesSince, describeWrites } from './api-writes.ts';
import { benchNamespaces, type Member, members } from './fleet.ts';
import { type Bench, Stage } from './stage.ts';
import type { Row } from './table.ts';

const gateways = 2;
/** A Gateway has at most 64 listeners, and needs one for the challenges. */
const listenersEach = 50;
const fleet = gateways * listenersEach;
const namespace = benchNamespaces[0] ?? '';

/** Listeners at once, each with a host and a Secret of its own, of two Gateways. */
export async function measureGateways(bench: Bench): Promise<Row[]> {
  await using stage = await Stage.start(bench, { gatewayApi: true }, () =>
    Promise.resolve({ LEGO_GATEWAY_API: 'on' }),
  );
  const { cluster, pebble } = stage.world;
  bench.progress(`${fleet} listeners at once`);
  const all = members(1000, fleet).map((member) => ({ ...member, namespace }));
  const objects = Array.from({ length: gateways }, (_, index) =>
    gatewayWithRoute(`gateway-${index}`, all.slice(index * listenersEach, (index + 1) * listenersEach)),
  );
  const since = Date.now();
  const startedAt = performance.now();
  const filling = Promise.all(all.map((member) => stage.secrets.filled(member)));
  const [times] = await pebble.guard(
    Promise.all([filling, applyObjects(cluster.adminKubeconfig, objects.flat())]),
  );
  const took = (Math.max(...times) - startedAt) / 1000;
  await stage.settled();
  const writes = await apiWritesSince(cluster.auditLog, since);
  return [
    {
      what: `${fleet} listeners of ${gateways} Gateways at once, certificates/s`,
      peer: '–',
      goal: '–',
      measured: `${(fleet / took).toFixed(1)}; ${took.toFixed(1)} s in all`,
      met: true,
    },
    {
      what: `API writes per listener, ${fleet} at once`,
      peer: '–',
      goal: '≤ 4',
      measured: `${(writes.total / fleet).toFixed(2)} (${describeWrites(writes)})`,
      met: writes.total / fleet <= 4,
    },
  ];
}

function gatewayWithRoute(name: string, its: readonly Member[]): Manifest[] {
  const apiVersion = 'gateway.networking.k8s.io/v1';
  const annotations = { 'kubernetes.io/tls-acme': 'true' };
  const listeners = its.map(({ name: listener, host, secretName }) => ({
    name: listener,
    hostname: host,
    port: 443,
    protocol: 'HTTPS',
    tls: { certificateRefs: [{ name: secretName }] },
  }));
  const http = {
    name: 'http',
    port: 80,
    protocol: 'HTTP',
    allowedRoutes: { namespaces: { from: 'All' } },
  };
  const rules = [{ backendRefs: [{ name: 'web', port: 80 }] }];
  return [
    {
      apiVersion,
      kind: 'Gateway',
      metadata: { namespace, name, annotations },
      spec: { gatewayClassName: 'edge', listeners: [http, ...listeners] },
    },
    {
      apiVersion,
      kind: 'HTTPRoute',
      metadata: { namespace, name },
      spec: { parentRefs: [{ name }], rules },
    },
  ];
}
