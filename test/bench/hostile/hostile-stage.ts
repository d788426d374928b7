import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ApiClient } from '../../../deploy/local/api-client.ts';
import { type Cluster, startCluster } from '../../../deploy/local/cluster.ts';
import {
  type ControllerPorts,
  type ControllerProcess,
  startController,
} from '../../../deploy/local/controller.ts';
import { type Dns, startDns } from '../../../deploy/local/dns.ts';
import { freePorts } from '../../../deploy/local/free-ports.ts';
import { applyManifests, applyObjects } from '../../../deploy/local/manifests.ts';
import { type Session, startSession } from '../../../deploy/local/session.ts';
import { recordField, stringField } from '../../../src/process/json.ts';
import { CaServer } from '../../ca/server.ts';
import { inParallel } from '../fleet.ts';
import { type Stall, Stalls } from '../stalls.ts';
import { ProcessUsage } from '../usage.ts';
import { Kubelet } from './kubelet.ts';

/** Milliseconds until an attack counts as successful, and the next row is measured. */
const patience = 120_000;

/** What V8 chooses in a pod with a memory limit of 512 MiB. */
const podHeap = '--max-old-space-size=256';

/** The attacker's namespace, and that of a tenant who is to get a certificate all the same. */
export const mallory = 'mallory';
export const alice = 'alice';

/** What a piece of work costs the controller. */
export interface Cost {
  readonly stall: Stall;
  /** Peak RSS of the process until then. */
  readonly peakBytes: number;
  readonly probes: { readonly asked: number; readonly failed: number; readonly slowest: number };
}

const ingressPath = (namespace: string): string =>
  `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses`;

/** A real API server and the shipped controller, at a CA that believes everything and does what a row of the benchmark wants. */
export class HostileStage implements AsyncDisposable {
  readonly ca: CaServer;
  /** Where the sites of all hosts are looked for, on 127.0.0.1; nobody listens there yet. */
  readonly sitePort: number;
  readonly #api: ApiClient;
  readonly #session: Session;
  readonly #cluster: Cluster;
  readonly #dns: Dns;
  readonly #ports: ControllerPorts;
  readonly #stalls: Stalls;
  #controller: ControllerProcess | undefined;
  /** Paths of the Ingresses. */
  readonly #made: string[] = [];
  #serial = 0;

  private constructor(parts: {
    readonly session: Session;
    readonly cluster: Cluster;
    readonly dns: Dns;
    readonly ca: CaServer;
    readonly ports: ControllerPorts;
    readonly sitePort: number;
  }) {
    this.#session = parts.session;
    this.#cluster = parts.cluster;
    this.#dns = parts.dns;
    this.ca = parts.ca;
    this.#ports = parts.ports;
    this.sitePort = parts.sitePort;
    this.#api = parts.cluster.adminClient();
    this.#stalls = new Stalls(join(parts.session.directory, 'stalls'), podHeap);
  }

  static async create(): Promise<HostileStage> {
    const session = await startSession();
    try {
      const [cluster, dns, ca] = await Promise.all([
        startCluster({ session }),
        startDns({ session }),
        CaServer.start({ vaHttpPort: 0, validate: () => Promise.resolve('ok') }),
      ]);
      await applyManifests(cluster.adminKubeconfig, [
        fileURLToPath(new URL('../../../deploy/base', import.meta.url)),
      ]);
      await applyObjects(
        cluster.adminKubeconfig,
        [mallory, alice].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
      );
      await writeFile(join(session.directory, 'ca.pem'), ca.caBundle);
      const [responder = 0, metrics = 0, health = 0, inspector = 0, sitePort = 0] = await freePorts(5);
      const ports = { responder, metrics, health, inspector };
      return new HostileStage({ session, cluster, dns, ca, ports, sitePort });
    } catch (error) {
      await session.stop();
      throw error;
    }
  }

  get controller(): ControllerProcess {
    if (this.#controller === undefined) throw new Error('the controller does not run');
    return this.#controller;
  }

  async stop(): Promise<void> {
    await this.#controller?.stop();
    this.#controller = undefined;
  }

  /** Starts the controller, or starts it again. */
  async start(): Promise<void> {
    await this.stop();
    this.#controller = await startController({
      session: this.#session,
      kubeconfig: await this.#cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego'),
      ports: this.#ports,
      environment: {
        LEGO_EMAIL: 'ops@example.com',
        LEGO_URL: this.ca.ca.directoryUrl,
        LEGO_CA_BUNDLE: join(this.#session.directory, 'ca.pem'),
        LEGO_DNS_SERVERS: this.#dns.address,
        LEGO_HTTP01_PORT: String(this.sitePort),
        // Nothing has to take up the challenge rule here.
        LEGO_PROPAGATION_DELAY: '0s',
        ...this.#stalls.environment,
      },
    });
  }

  /** What the work costs the controller, until it has nothing long to do any more; if it starts in it, from its first answer on. */
  async costOf(work: () => Promise<unknown>): Promise<Cost> {
    const kubelet = new Kubelet(this.#ports.health);
    try {
      await work();
      await this.#stalls.untilQuiet(patience);
    } finally {
      await kubelet.leave();
    }
    const { asked, failed, slowest, firstAt } = kubelet;
    return {
      stall: await this.#stalls.longest(firstAt),
      peakBytes: await new ProcessUsage(this.controller.pid).peakBytes(),
      probes: { asked, failed, slowest },
    };
  }

  /** CPU of the controller since its start. */
  cpuSeconds(): Promise<number> {
    return new ProcessUsage(this.controller.pid).cpuSeconds();
  }

  async createIngress(
    namespace: string,
    name: string,
    annotations: object,
    spec: object,
    labels: object = {},
  ): Promise<void> {
    const body = {
      metadata: { name, labels, annotations: { 'kubernetes.io/tls-acme': 'true', ...annotations } },
      spec,
    };
    await this.#api.expect(ingressPath(namespace), { method: 'POST', body });
    this.#made.push(`${ingressPath(namespace)}/${name}`);
  }

  /** @returns seconds until a new Ingress of alice has its certificate */
  async certificateForAlice(): Promise<number> {
    this.#serial += 1;
    const name = `innocent-${this.#serial}`;
    const began = performance.now();
    await this.createIngress(alice, name, { 'kube-lego.io/self-check': 'false' }, siteOf(name));
    for (;;) {
      const { status, body } = await this.#api.request(`/api/v1/namespaces/${alice}/secrets/${name}`);
      const took = (performance.now() - began) / 1000;
      if (status === 200 && stringField(recordField(body, 'data'), 'tls.crt') !== undefined) return took;
      if (took * 1000 > patience) throw new Error(`alice has no certificate after ${took.toFixed(0)} s`);
      await delay(100);
    }
  }

  /** Deletes all Ingresses that were created. */
  async clear(): Promise<void> {
    await inParallel(this.#made.splice(0), (made) => this.#api.request(made, { method: 'DELETE' }), 4);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#controller?.stop();
    await this.#api.close();
    await this.ca[Symbol.asyncDispose]();
    await this.#session.stop();
  }
}

/** The spec of an Ingress with one host, routed and with a certificate. */
export function siteOf(name: string): object {
  const host = `${name}.example.com`;
  return { tls: [{ hosts: [host], secretName: name }], rules: [{ host, http: { paths: [pathTo('/')] } }] };
}

/** A path of an Ingress rule, to a Service that need not exist. */
export function pathTo(path: string): object {
  return { path, pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } };
}
