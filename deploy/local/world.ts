import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { ApiClient } from './api-client.ts';
import { type App, startApp } from './app.ts';
import { startCluster } from './cluster.ts';
import type { ClusterAccess } from './cluster-access.ts';
import { type ControllerPorts, type ControllerProcess, spawnController } from './controller.ts';
import { type Dns, startDns } from './dns.ts';
import { type Edge, startEdge } from './edge/edge.ts';
import { defaultController, type EdgeOptions, localGatewayController } from './edge/options.ts';
import { type HeldPorts, holdPorts } from './free-ports.ts';
import { installGatewayApi } from './gateway-api.ts';
import { LocalError } from './local-error.ts';
import { applyBase, applyManifests, applyObjects, type Manifest } from './manifests.ts';
import { type Pebble, type PebbleOptions, startPebble } from './pebble.ts';
import { type Session, startSession } from './session.ts';
import { startZoneServer, type ZoneServer } from './zone-server.ts';

export interface WorldOptions {
  readonly edge?: Partial<Omit<EdgeOptions, 'kubeconfig' | 'services'>>;
  readonly pebble?: Partial<PebbleOptions>;
  /** namespaces to create */
  readonly namespaces?: readonly string[];
  /** Services `namespace/name` behind which the one app answers, besides `web` of each namespace */
  readonly services?: readonly string[];
  /** whether the kinds of Gateway API are there, with a GatewayClass; 'later': neither, but the edge will find them. Default: Gateway API is unknown to the edge */
  readonly gatewayApi?: true | 'later';
  /** DNS zones whose TXT records kube-lego may update: each at one name server, `World.zoneServer` */
  readonly zones?: readonly string[];
  /** an empty one, which is stopped with the world; default: one of its own */
  readonly cluster?: ClusterAccess;
  /** whether `cluster` is not empty, but holds deploy/base; default false */
  readonly deployed?: boolean;
}

const className = 'edge';
const zonesName = 'kube-lego-zones';

/**
 * Everything that kube-lego has to do with, on one machine: an API server with our manifests, a DNS server, a CA, an ingress
 * controller and an application. The controller itself is started by `startController`.
 */
export class World implements AsyncDisposable {
  readonly session: Session;
  readonly cluster: ClusterAccess;
  readonly api: ApiClient;
  readonly dns: Dns;
  readonly pebble: Pebble;
  readonly edge: Edge;
  readonly className = className;
  readonly #app: App;
  readonly #held: HeldPorts;
  readonly #zoneServer: ZoneServer | undefined;
  /** The edge takes kube-lego's Service to the first of them. */
  readonly ports: ControllerPorts;

  /** Use `startWorld`. */
  constructor(parts: {
    readonly session: Session;
    readonly cluster: ClusterAccess;
    readonly dns: Dns;
    readonly pebble: Pebble;
    readonly edge: Edge;
    readonly app: App;
    readonly held: HeldPorts;
    readonly zoneServer: ZoneServer | undefined;
  }) {
    this.session = parts.session;
    this.cluster = parts.cluster;
    this.api = parts.cluster.adminClient();
    this.dns = parts.dns;
    this.pebble = parts.pebble;
    this.edge = parts.edge;
    this.#app = parts.app;
    this.#held = parts.held;
    this.#zoneServer = parts.zoneServer;
    this.ports = controllerPorts(parts.held);
  }

  /** The name server of the zones of `WorldOptions.zones`. */
  get zoneServer(): ZoneServer {
    if (this.#zoneServer === undefined) throw new LocalError('NotStarted', 'The world has no DNS zones.');
    return this.#zoneServer;
  }

  /** Starts the controller under the ServiceAccount of the manifests, or starts it again. */
  async startController(environment: Readonly<Record<string, string>> = {}): Promise<ControllerProcess> {
    const controller = await this.spawnController(environment);
    await controller.untilReady();
    return controller;
  }

  /** Likewise, and does not wait until it is ready. The edge takes challenges to `World.ports` only. */
  async spawnController(
    environment: Readonly<Record<string, string>> = {},
    ports: ControllerPorts = this.ports,
  ): Promise<ControllerProcess> {
    const kubeconfig = await this.cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego');
    await this.#held.release();
    return spawnController({
      session: this.session,
      kubeconfig,
      ports,
      environment: { LEGO_EMAIL: 'ops@example.com', ...this.settings, ...environment },
    });
  }

  /** Variables of the controller that a command needs, too. */
  get settings(): Readonly<Record<string, string>> {
    return {
      LEGO_URL: this.pebble.directoryUrl,
      LEGO_CA_BUNDLE: this.pebble.caBundle,
      LEGO_DNS_SERVERS: this.#zoneServer?.address ?? this.dns.address,
      ...(this.#zoneServer === undefined ? {} : { LEGO_DNS_ZONES: zonesName }),
      LEGO_HTTP01_PORT: String(this.edge.httpPort),
      LEGO_HTTPS_PORT: String(this.edge.httpsPort),
    };
  }

  /** `ports`, for a server of the test in the place of the controller's. */
  async releasePorts(): Promise<ControllerPorts> {
    await this.#held.release();
    return this.ports;
  }

  async stop(): Promise<void> {
    await this.#held.release();
    await this.api.close();
    await this.#zoneServer?.[Symbol.asyncDispose]();
    await this.#app.stop();
    await this.session.stop();
    await this.cluster.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** @throws LocalError when one of its servers does not start */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const session = await startSession();
  let app: App | undefined;
  let held: HeldPorts | undefined;
  let zoneServer: ZoneServer | undefined;
  try {
    held = await holdPorts(4);
    const namespaces = options.namespaces ?? ['default'];
    app = await startApp();
    const { port } = app;
    const [cluster, dns] = await Promise.all([
      options.cluster ?? startCluster({ session }),
      startDns({ session }),
    ]);
    if (options.zones !== undefined) zoneServer = await startZones(options.zones, dns.address);
    const services = [...namespaces.map((namespace) => `${namespace}/web`), ...(options.services ?? [])];
    if (options.deployed !== true) await applyBase(cluster.adminKubeconfig);
    await prepareCluster(cluster, namespaces, services, options.edge?.controllerName);
    if (zoneServer !== undefined) await permitZones(cluster, zoneServer);
    if (options.gatewayApi !== undefined) await permitGateways(cluster);
    if (options.gatewayApi === true) {
      await installGatewayApi(cluster);
      await applyObjects(cluster.adminKubeconfig, [gatewayClass]);
    }
    const edge = await startEdge({
      session,
      className,
      ...(options.gatewayApi === undefined ? {} : { gatewayController: localGatewayController }),
      ...options.edge,
      kubeconfig: cluster.adminKubeconfig,
      services: {
        'kube-lego/kube-lego:8080': controllerPorts(held).responder,
        ...Object.fromEntries(services.map((service) => [`${service}:80`, port])),
      },
    });
    const pebble = await startPebble({
      session,
      vaHttpPort: edge.httpPort,
      vaTlsPort: edge.httpsPort,
      dnsAddress: zoneServer?.address ?? dns.address,
      ...options.pebble,
    });
    return new World({ session, cluster, dns, pebble, edge, app, held, zoneServer });
  } catch (error) {
    await zoneServer?.[Symbol.asyncDispose]();
    await held?.release();
    await app?.stop();
    await session.stop();
    await options.cluster?.stop();
    throw error;
  }
}

function controllerPorts({ ports }: HeldPorts): ControllerPorts {
  const [responder = 0, metrics = 0, health = 0, inspector = 0] = ports;
  return { responder, metrics, health, inspector };
}

async function prepareCluster(
  cluster: ClusterAccess,
  namespaces: readonly string[],
  services: readonly string[],
  controller = defaultController,
): Promise<void> {
  const ingressClass = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: {
      name: className,
      annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' },
    },
    spec: { controller },
  };
  await applyObjects(cluster.adminKubeconfig, [
    ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ingressClass,
    ...services.map(service),
  ]);
}

/** The one of the world's edge; not there yet with `gatewayApi: 'later'`. */
export const gatewayClass: Manifest = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GatewayClass',
  metadata: { name: className },
  spec: { controllerName: localGatewayController },
};

/** Other names are answered by the DNS server at this address. */
function startZones(zones: readonly string[], forwardTo: string): Promise<ZoneServer> {
  const servers = zones.map((zone) => [zone, [`ns1.${zone}`]] as const);
  return startZoneServer({
    zones: Object.fromEntries(servers),
    key: { name: 'kube-lego', secret: randomBytes(32) },
    forwardTo,
  });
}

/** The role, and the Secret with the key. Which namespaces may use a zone is for the test to say, see `zonesDocument`. */
async function permitZones(cluster: ClusterAccess, { key }: ZoneServer): Promise<void> {
  const role = fileURLToPath(new URL('../components/dns-01/role.yaml', import.meta.url));
  await applyManifests(cluster.adminKubeconfig, [role]);
  const secret = key?.secret.toString('base64') ?? '';
  await applyObjects(cluster.adminKubeconfig, [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'kube-lego', name: 'kube-lego-zone' },
      type: 'Opaque',
      data: { 'tsig-secret': Buffer.from(secret).toString('base64') },
    },
  ]);
}

/** What the components gateway and same-namespace grant. */
async function permitGateways(cluster: ClusterAccess): Promise<void> {
  const roles = ['cluster-role.yaml', 'own', 'same-namespace/cluster-role.yaml'].map((path) =>
    fileURLToPath(new URL(`../components/gateway/${path}`, import.meta.url)),
  );
  await applyManifests(cluster.adminKubeconfig, roles);
}

/** The zones document, with one text for all zones of the server. */
export function zonesDocument({ address, zones, key }: ZoneServer, ...more: readonly string[]): Manifest {
  const text = [
    'provider: rfc2136',
    `server: ${address}`,
    `name-servers: ${address}`,
    `tsig-key: ${key?.name ?? ''}`,
    'secret: kube-lego-zone',
    ...more,
  ].join('\n');
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'kube-lego', name: zonesName },
    data: Object.fromEntries(zones.map((zone) => [zone, text])),
  };
}

function service(key: string): Manifest {
  const [namespace = '', name = ''] = key.split('/');
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: { ports: [{ port: 80 }] },
  };
}
