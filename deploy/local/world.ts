import { fileURLToPath } from 'node:url';
import type { ApiClient } from './api-client.ts';
import { type App, startApp } from './app.ts';
import { startCluster } from './cluster.ts';
import type { ClusterAccess } from './cluster-access.ts';
import { type ControllerPorts, type ControllerProcess, startController } from './controller.ts';
import { type Dns, startDns } from './dns.ts';
import { type Edge, startEdge } from './edge/edge.ts';
import type { EdgeOptions } from './edge/options.ts';
import { freePorts } from './free-ports.ts';
import { applyManifests, applyObjects, type Manifest } from './manifests.ts';
import { type Pebble, type PebbleOptions, startPebble } from './pebble.ts';
import { type Session, startSession } from './session.ts';

export interface WorldOptions {
  readonly edge?: Partial<Omit<EdgeOptions, 'kubeconfig' | 'services'>>;
  readonly pebble?: Partial<PebbleOptions>;
  /** namespaces to create */
  readonly namespaces?: readonly string[];
  /** Services `namespace/name` behind which the one app answers, besides `web` of each namespace */
  readonly services?: readonly string[];
  /** an empty one, which is stopped with the world; default: one of its own */
  readonly cluster?: ClusterAccess;
}

const className = 'edge';

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
    readonly ports: ControllerPorts;
  }) {
    this.session = parts.session;
    this.cluster = parts.cluster;
    this.api = parts.cluster.adminClient();
    this.dns = parts.dns;
    this.pebble = parts.pebble;
    this.edge = parts.edge;
    this.#app = parts.app;
    this.ports = parts.ports;
  }

  /** Starts the controller under the ServiceAccount of the manifests, or starts it again. */
  async startController(environment: Readonly<Record<string, string>> = {}): Promise<ControllerProcess> {
    return startController({
      session: this.session,
      kubeconfig: await this.cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego'),
      ports: this.ports,
      environment: {
        LEGO_EMAIL: 'ops@example.com',
        LEGO_URL: this.pebble.directoryUrl,
        LEGO_CA_BUNDLE: this.pebble.caBundle,
        LEGO_DNS_SERVERS: this.dns.address,
        LEGO_HTTP01_PORT: String(this.edge.httpPort),
        LEGO_HTTPS_PORT: String(this.edge.httpsPort),
        ...environment,
      },
    });
  }

  async stop(): Promise<void> {
    await this.api.close();
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
  try {
    const [responder = 0, metrics = 0, health = 0, inspector = 0] = await freePorts(4);
    const namespaces = options.namespaces ?? ['default'];
    app = await startApp();
    const { port } = app;
    const [cluster, dns] = await Promise.all([
      options.cluster ?? startCluster({ session }),
      startDns({ session }),
    ]);
    const services = [...namespaces.map((namespace) => `${namespace}/web`), ...(options.services ?? [])];
    await prepareCluster(cluster, namespaces, services);
    const edge = await startEdge({
      session,
      className,
      ...options.edge,
      kubeconfig: cluster.adminKubeconfig,
      services: {
        'kube-lego/kube-lego:8080': responder,
        ...Object.fromEntries(services.map((service) => [`${service}:80`, port])),
      },
    });
    const pebble = await startPebble({
      session,
      vaHttpPort: edge.httpPort,
      vaTlsPort: edge.httpsPort,
      dnsAddress: dns.address,
      ...options.pebble,
    });
    const ports = { responder, metrics, health, inspector };
    return new World({ session, cluster, dns, pebble, edge, app, ports });
  } catch (error) {
    await app?.stop();
    await session.stop();
    await options.cluster?.stop();
    throw error;
  }
}

async function prepareCluster(
  cluster: ClusterAccess,
  namespaces: readonly string[],
  services: readonly string[],
): Promise<void> {
  await applyManifests(cluster.adminKubeconfig, [fileURLToPath(new URL('../base', import.meta.url))]);
  const ingressClass = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: {
      name: className,
      annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' },
    },
    spec: { controller: 'kube-lego.io/local-edge' },
  };
  await applyObjects(cluster.adminKubeconfig, [
    ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ingressClass,
    ...services.map(service),
  ]);
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
