import process from 'node:process';
import type { ControllerPorts, ControllerProcess } from '../../deploy/local/controller.ts';
import { freePorts } from '../../deploy/local/free-ports.ts';
import type { World } from '../../deploy/local/world.ts';
import { type FaultyProxy, startFaultyProxy } from '../controller-failures/faulty-proxy.ts';
import { proxiedKubeconfig } from '../controller-failures/proxied-kubeconfig.ts';
import { CaTunnel } from './ca-tunnel.ts';

/** A process of kube-lego, as a pod of the Deployment, whose requests can be told from those of the others. */
export class Replica implements AsyncDisposable {
  /** LEGO_POD_NAME. The API server's audit log calls its requests `NAME.NUMBER`. */
  readonly name: string;
  /** Where its requests to the CA come from. */
  readonly address: string;
  readonly process: ControllerProcess;
  readonly ports: ControllerPorts;
  /** Between it and the API server. */
  readonly apiServer: FaultyProxy;
  readonly #tunnel: CaTunnel;
  #hasEnded = false;

  private constructor(
    parts: Pick<Replica, 'name' | 'address' | 'process' | 'ports' | 'apiServer'>,
    tunnel: CaTunnel,
  ) {
    this.name = parts.name;
    this.address = parts.address;
    this.process = parts.process;
    this.ports = parts.ports;
    this.apiServer = parts.apiServer;
    this.#tunnel = tunnel;
    void parts.process.exited.then(() => {
      this.#hasEnded = true;
    });
  }

  /**
   * Starts it, and does not wait until it is ready.
   * @param number unique in the world, up to 60,000
   * @param environment besides that of the world
   */
  static async start(
    world: World,
    number: number,
    environment: Readonly<Record<string, string>>,
  ): Promise<Replica> {
    const name = `kube-lego-${number}`;
    const address = `127.1.${Math.floor(number / 250)}.${(number % 250) + 1}`;
    let requests = 0;
    const marks = () => ({ 'audit-id': `${name}.${(requests += 1)}` });
    const [apiServer, tunnel, [responder = 0, metrics = 0, health = 0, inspector = 0]] = await Promise.all([
      startFaultyProxy(world.cluster.serverUrl, world.cluster.ca, marks),
      CaTunnel.start(address),
      freePorts(4),
    ]);
    const ports = { responder, metrics, health, inspector };
    try {
      const variables = {
        ...environment,
        LEGO_POD_NAME: name,
        KUBECONFIG: await proxiedKubeconfig(world, apiServer, name),
        HTTPS_PROXY: tunnel.url,
      };
      const started = await world.spawnController(variables, ports);
      return new Replica({ name, address, process: started, ports, apiServer }, tunnel);
    } catch (error) {
      // Without an API server there is no token.
      await Promise.all([apiServer.stop(), tunnel[Symbol.asyncDispose]()]);
      throw error;
    }
  }

  /** It was killed, or has ended by itself. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether it leads, as its metrics say; false if it does not answer. */
  async leads(): Promise<boolean> {
    const metrics = await this.process.metrics().catch(() => '');
    return metrics.includes('\nkube_lego_leader 1\n');
  }

  /** Whether its readiness probe succeeds; false if it does not answer. */
  async ready(): Promise<boolean> {
    return (await this.#probed()) ?? false;
  }

  /** Whether its readiness probe is answered, whatever it says. */
  async answers(): Promise<boolean> {
    return (await this.#probed()) !== undefined;
  }

  /** SIGKILL, at once; nothing that it has sent is taken back. */
  kill(): void {
    this.#signal('SIGKILL');
  }

  /** SIGSTOP: it stands still. */
  pause(): void {
    this.#signal('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#signal('SIGCONT');
  }

  /** Ends it, if it has not ended, and what is around it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.process.exited;
    await Promise.all([this.apiServer.stop(), this.#tunnel[Symbol.asyncDispose]()]);
  }

  async #probed(): Promise<boolean | undefined> {
    return this.process.ready(AbortSignal.timeout(1000)).catch(() => undefined);
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(this.process.pid, signal);
    } catch (error) {
      // It has ended.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}
