import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import type { IngressView } from '../../machines/ingress/ingress-view.ts';
import { readImage } from '../image/image.ts';
import { ownConnections } from './kept-connections.ts';
import type { ManagedProcess } from './managed-process.ts';
import type { Session } from './session.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface ControllerPorts {
  readonly responder: number;
  readonly metrics: number;
  readonly health: number;
  readonly inspector: number;
}

export interface ControllerProcessOptions {
  readonly session: Session;
  /** path of the kubeconfig of its ServiceAccount */
  readonly kubeconfig: string;
  readonly ports: ControllerPorts;
  /** LEGO_* variables */
  readonly environment: Readonly<Record<string, string>>;
}

/** Milliseconds, of a start and of a request: on a busy machine any process may stand still for a quarter of a minute. */
const patience = 60_000;

/** The controller in its own process, as in the cluster. */
export class ControllerProcess {
  readonly #process: ManagedProcess;
  readonly #ports: ControllerPorts;

  /** Use `startController`. */
  constructor(process: ManagedProcess, ports: ControllerPorts) {
    this.#process = process;
    this.#ports = ports;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** path of its log, a JSON object a line */
  get log(): string {
    return this.#process.log;
  }

  /** The controller's current view of every Ingress; none while it does not lead. */
  async views(): Promise<IngressView[]> {
    const { statusCode, body } = await this.#get('inspector', '/sources');
    const text = await body.text();
    // A process is ready before it leads.
    if (statusCode === 503) return [];
    const views: IngressView[] = JSON.parse(text);
    return views;
  }

  /** The answer of one of its servers to a GET. */
  async page(server: 'metrics' | 'inspector', path: string): Promise<string> {
    return (await this.#get(server, path)).body.text();
  }

  /** Whether its readiness probe succeeds. */
  async ready(signal: AbortSignal): Promise<boolean> {
    const { statusCode, body } = await this.#get('health', '/readyz', signal);
    await body.dump();
    return statusCode === 200;
  }

  /** @throws LocalError if it exits or is not ready in time, with the end of its log */
  async untilReady(): Promise<void> {
    await this.#process.untilReady((signal) => this.ready(signal), patience);
  }

  /** How it ends. */
  get exited(): ManagedProcess['exited'] {
    return this.#process.exited;
  }

  /** Its metrics. */
  async metrics(): Promise<string> {
    return this.page('metrics', '/metrics');
  }

  /** Sends SIGTERM, as the kubelet does, and waits. */
  async stop(): Promise<void> {
    await this.#process.stop({ limit: patience });
  }

  /** Kills it like a crash. */
  async kill(): Promise<void> {
    await this.#process.stop({ signal: 'SIGKILL' });
  }

  #get(server: keyof ControllerPorts, path: string, signal = AbortSignal.timeout(patience)) {
    return request(`http://127.0.0.1:${this.#ports[server]}${path}`, { dispatcher: ownConnections, signal });
  }
}

/** @throws LocalError if it exits or is not ready in time, with the end of its log */
export async function startController(options: ControllerProcessOptions): Promise<ControllerProcess> {
  const controller = await spawnController(options);
  await controller.untilReady();
  return controller;
}

/** Starts it, and does not wait until it is ready. */
export async function spawnController({
  session,
  kubeconfig,
  ports,
  environment,
}: ControllerProcessOptions): Promise<ControllerProcess> {
  const image = await readImage();
  const program = session.spawn({
    name: environment['LEGO_POD_NAME'] ?? 'kube-lego',
    command: process.execPath,
    args: image.arguments,
    directory: root,
    environment: {
      ...image.environment,
      KUBECONFIG: kubeconfig,
      LEGO_NAMESPACE: 'kube-lego',
      // As if the container were started again in its pod: after a crash nobody waits for the end of the Lease.
      LEGO_POD_NAME: 'kube-lego',
      // The Service of the manifests; the edge routes it to the responder's port.
      LEGO_SERVICE_PORT: '8080',
      LEGO_PORT: String(ports.responder),
      LEGO_METRICS_PORT: String(ports.metrics),
      LEGO_HEALTH_PORT: String(ports.health),
      LEGO_INSPECTOR_PORT: String(ports.inspector),
      LEGO_LOG_TYPE: 'json',
      ...environment,
    },
  });
  return new ControllerProcess(program, ports);
}
