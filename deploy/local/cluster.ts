import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from './api-client.ts';
import { ClusterAccess, type ClusterParts } from './cluster-access.ts';
import {
  type ApiServerOptions,
  apiServerArguments,
  etcdArguments,
  writeClusterFiles,
} from './control-plane.ts';
import { onFreePorts } from './free-ports.ts';
import { type Access, writeKubeconfig } from './kubeconfig.ts';
import { LocalError } from './local-error.ts';
import type { ManagedProcess } from './managed-process.ts';
import { type Session, startSession } from './session.ts';
import { toolPath } from './tools/tool-path.ts';

export interface ClusterOptions extends ApiServerOptions {
  /** where it runs; default: a session of its own, which `stop` ends */
  readonly session?: Session;
  /** environment variables of both servers; default: none */
  readonly environment?: Readonly<Record<string, string>>;
}

const startLimit = 60_000;
/** Tries to listen again on a port that was just released. */
const restartAttempts = 10;

/**
 * etcd and kube-apiserver on free ports of 127.0.0.1, with RBAC, ServiceAccount tokens and an audit log. There is no
 * controller manager: nothing collects garbage by owner references, fills Endpoints or finishes the deletion of a
 * namespace, and no ServiceAccount appears by itself.
 */
export class Cluster extends ClusterAccess {
  /** http://127.0.0.1:PORT, without authentication */
  readonly etcdUrl: string;
  readonly #session: Session;
  readonly #ownsSession: boolean;
  readonly #launchApiServer: () => Promise<ManagedProcess>;
  readonly #etcd: ManagedProcess;
  #apiServer: ManagedProcess;

  /** Use `startCluster`. */
  constructor(parts: {
    readonly access: ClusterParts;
    readonly etcdUrl: string;
    readonly session: Session;
    readonly ownsSession: boolean;
    readonly etcd: ManagedProcess;
    readonly apiServer: ManagedProcess;
    readonly launchApiServer: () => Promise<ManagedProcess>;
  }) {
    super(parts.access);
    this.etcdUrl = parts.etcdUrl;
    this.#session = parts.session;
    this.#ownsSession = parts.ownsSession;
    this.#etcd = parts.etcd;
    this.#apiServer = parts.apiServer;
    this.#launchApiServer = parts.launchApiServer;
  }

  /** Kills the API server like a crash: open watches break. etcd keeps the objects. */
  async stopApiServer(): Promise<void> {
    await this.#apiServer.stop({ signal: 'SIGKILL' });
  }

  /** Restarts the API server on the same port, with the same certificate and keys, so that all tokens stay valid. */
  async startApiServer(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#apiServer = await this.#launchApiServer();
        return;
      } catch (error) {
        const taken = error instanceof LocalError && error.code === 'PortTaken';
        if (!taken || attempt === restartAttempts) throw error;
        await delay(200);
      }
    }
  }

  async restartApiServer(): Promise<void> {
    await this.stopApiServer();
    await this.startApiServer();
  }

  override async stop(): Promise<void> {
    await Promise.all([this.#apiServer.stop({ signal: 'SIGKILL' }), this.#etcd.stop({ signal: 'SIGKILL' })]);
    if (this.#ownsSession) await this.#session.stop();
  }
}

/**
 * Starts a cluster; it is ready after about three seconds.
 * @throws LocalError
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const session = options.session ?? (await startSession());
  const environment = options.environment ?? {};
  try {
    const { files, ca } = await writeClusterFiles(session.directory);
    return await onFreePorts(2, async ([etcdPort = 0, apiPort = 0]) => {
      const etcdUrl = `http://127.0.0.1:${etcdPort}`;
      const serverUrl = `https://127.0.0.1:${apiPort}`;
      const etcd = session.spawn({
        name: 'etcd',
        command: toolPath('etcd'),
        args: etcdArguments(join(session.directory, `etcd-${etcdPort}`), etcdUrl),
        environment,
      });
      const spawnApiServer = (): ManagedProcess =>
        session.spawn({
          name: 'kube-apiserver',
          command: toolPath('kube-apiserver'),
          args: apiServerArguments({ files, etcdUrl, port: apiPort, options }),
          environment,
        });
      const access = { server: serverUrl, ca, token: files.adminToken };
      const launchApiServer = async (): Promise<ManagedProcess> => {
        const started = spawnApiServer();
        await apiServerReady(started, access);
        return started;
      };
      // In parallel: the API server waits for etcd itself.
      const apiServer = spawnApiServer();
      try {
        await Promise.all([
          etcd.untilReady((signal) => isEtcdReady(etcdUrl, signal), startLimit),
          apiServerReady(apiServer, access),
        ]);
      } catch (error) {
        await Promise.all([etcd.stop({ signal: 'SIGKILL' }), apiServer.stop({ signal: 'SIGKILL' })]);
        throw error;
      }
      await writeKubeconfig(files.adminKubeconfig, {
        ...access,
        user: 'admin',
        namespace: 'default',
      });
      return new Cluster({
        access: {
          directory: session.directory,
          serverUrl,
          adminKubeconfig: files.adminKubeconfig,
          auditLog: files.auditLog,
          ca,
          adminToken: files.adminToken,
        },
        etcdUrl,
        session,
        ownsSession: options.session === undefined,
        etcd,
        apiServer,
        launchApiServer,
      });
    });
  } catch (error) {
    if (options.session === undefined) await session.stop();
    throw error;
  }
}

async function isEtcdReady(url: string, signal: AbortSignal): Promise<boolean> {
  return (await fetch(`${url}/readyz`, { signal })).ok;
}

async function apiServerReady(server: ManagedProcess, access: Access): Promise<void> {
  await server.untilReady(async (signal) => {
    await using client = new ApiClient(access);
    return (await client.request('/readyz', { signal })).status === 200;
  }, startLimit);
}
