import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { ClusterParts } from '../../deploy/local/cluster-access.ts';
import { type Holding, LentCluster } from './lent-cluster.ts';

interface Returned {
  readonly cluster: LentCluster;
  /** whether it holds only what it did before it was lent */
  readonly clean: Promise<boolean>;
}

/** That nobody has borrowed: each that idles for two and a half minutes takes as much CPU as the start of another. */
const mostIdle = 3;

/**
 * Lends clusters, each to one connection at a time: that says in a line what it shall hold, is told in another where the cluster is, and
 * gives it back by its end.
 */
export class Lender {
  readonly #server: Server;
  readonly #started = new Set<LentCluster>();
  readonly #returned: Returned[] = [];

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
      const [asked]: unknown[] = await once(lease, 'data');
      lease.resume();
      const holding = String(asked).trim() === 'deployment' ? 'deployment' : 'nothing';
      const cluster = await this.#take(holding);
      const { directory, serverUrl, adminKubeconfig, auditLog, ca, adminToken } = cluster.access;
      const parts: ClusterParts = { directory, serverUrl, adminKubeconfig, auditLog, ca, adminToken };
      lease.write(`${JSON.stringify(parts)}\n`);
      await ended;
      if (this.#returned.length >= mostIdle) await this.#end(cluster);
      else this.#returned.push({ cluster, clean: this.#attempt(cluster, () => cluster.clean()) });
    } catch (error) {
      lease.end(`${JSON.stringify({ error: String(error) })}\n`);
    }
  }

  /** One that was returned, better one that held this before; a new one where that can't be made to hold it. */
  async #take(holding: Holding): Promise<LentCluster> {
    const fitting = this.#returned.findIndex(({ cluster }) => cluster.holding === holding);
    const [returned] = this.#returned.splice(Math.max(fitting, 0), 1);
    if (returned !== undefined && (await returned.clean)) {
      const { cluster } = returned;
      if (await this.#attempt(cluster, () => cluster.prepare(holding))) return cluster;
    }
    const cluster = await LentCluster.start();
    this.#started.add(cluster);
    await cluster.prepare(holding);
    return cluster;
  }

  /** Ends the cluster where it fails: nobody knows what it holds. */
  async #attempt(cluster: LentCluster, change: () => Promise<void>): Promise<boolean> {
    try {
      await change();
      return true;
    } catch {
      await this.#end(cluster);
      return false;
    }
  }

  async #end(cluster: LentCluster): Promise<void> {
    this.#started.delete(cluster);
    const place = this.#returned.findIndex((one) => one.cluster === cluster);
    if (place >= 0) this.#returned.splice(place, 1);
    await cluster.stop();
  }
}
