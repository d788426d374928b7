import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { truncate } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Cluster, startCluster } from '../../deploy/local/cluster.ts';
import type { ClusterParts } from '../../deploy/local/cluster-access.ts';
import { readImage } from '../../deploy/local/controller.ts';
import { EtcdContent } from './etcd-content.ts';

/** The API server compiles its admission policies anew once a second: until then, deleted ones are in force. */
const settleTime = 2000; // milliseconds

interface Lent {
  readonly cluster: Cluster;
  /** as it is after its start */
  readonly content: EtcdContent;
}

/** Lends clusters, each to one connection at a time: what a connection is told first is a cluster, and its end gives it back. */
export class Lender {
  readonly #server: Server;
  readonly #started = new Set<Cluster>();
  /** Given back; those that could not be emptied turn out undefined. */
  readonly #returning: Promise<Lent | undefined>[] = [];
  #compiled: Promise<void> | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (lease) => void this.#lend(lease));
  }

  static async start(): Promise<Lender> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Lender(server);
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string')
      throw new Error('the lender of clusters has no port');
    return address.port;
  }

  async stop(): Promise<void> {
    this.#server.close();
    await Promise.all(Array.from(this.#started, (cluster) => cluster.stop()));
  }

  async #lend(lease: Socket): Promise<void> {
    const ended = once(lease, 'close').catch(() => undefined);
    try {
      const lent = (await this.#returning.shift()) ?? (await this.#start());
      const { directory, serverUrl, adminKubeconfig, auditLog, ca, adminToken } = lent.cluster;
      const parts: ClusterParts = { directory, serverUrl, adminKubeconfig, auditLog, ca, adminToken };
      lease.write(`${JSON.stringify(parts)}\n`);
      await ended;
      this.#returning.push(this.#emptied(lent));
    } catch (error) {
      lease.end(`${JSON.stringify({ error: String(error) })}\n`);
    }
  }

  async #start(): Promise<Lent> {
    this.#compiled ??= compile();
    const [cluster] = await Promise.all([startCluster(), this.#compiled]);
    this.#started.add(cluster);
    return { cluster, content: await EtcdContent.read(cluster.etcdUrl) };
  }

  async #emptied(lent: Lent): Promise<Lent | undefined> {
    try {
      await lent.content.restore();
      await delay(settleTime);
      await truncate(lent.cluster.auditLog);
      return lent;
    } catch {
      this.#started.delete(lent.cluster);
      await lent.cluster.stop();
      return undefined;
    }
  }
}

/** Most controllers of the tests are killed: only a process that ends by itself leaves its compiled code for the next. */
async function compile(): Promise<void> {
  const image = await readImage();
  const options = { env: image.environment, timeout: 60_000 };
  await promisify(execFile)(process.execPath, [...image.arguments, '--version'], options);
}
