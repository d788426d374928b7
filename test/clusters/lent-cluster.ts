import { truncate } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type Cluster, startCluster } from '../../deploy/local/cluster.ts';
import type { ClusterParts } from '../../deploy/local/cluster-access.ts';
import { applyBase } from '../../deploy/local/manifests.ts';
import { EtcdContent } from './etcd-content.ts';

/** What a borrowed cluster holds: nothing, or the manifests of deploy/base. */
export type Holding = 'nothing' | 'deployment';

/** The API server compiles its admission policies anew once a second: until then, those of before are in force. Webhooks go sooner. */
const settleTime = 2000; // milliseconds

/** A cluster that one test file has after the other. */
export class LentCluster {
  readonly #cluster: Cluster;
  /** as it is after its start */
  readonly #nothing: EtcdContent;
  #deployment: EtcdContent | undefined;
  #holding: Holding = 'nothing';

  private constructor(cluster: Cluster, nothing: EtcdContent) {
    this.#cluster = cluster;
    this.#nothing = nothing;
  }

  static async start(): Promise<LentCluster> {
    const cluster = await startCluster();
    return new LentCluster(cluster, await EtcdContent.read(cluster.etcdUrl));
  }

  get parts(): ClusterParts {
    const { directory, serverUrl, adminKubeconfig, auditLog, ca, adminToken } = this.#cluster;
    return { directory, serverUrl, adminKubeconfig, auditLog, ca, adminToken };
  }

  get holding(): Holding {
    return this.#holding;
  }

  /** Makes it hold this. */
  async prepare(holding: Holding): Promise<void> {
    if (holding === this.#holding) return;
    this.#holding = holding;
    if (holding === 'nothing' || this.#deployment !== undefined) {
      if (!(await this.clean())) await delay(settleTime);
      return;
    }
    await applyBase(this.#cluster.adminKubeconfig);
    this.#deployment = await EtcdContent.read(this.#cluster.etcdUrl);
    await delay(settleTime);
  }

  /**
   * Takes back what somebody has done with it.
   * @returns whether the API server heeds all of it by now
   */
  async clean(): Promise<boolean> {
    const content = (this.#holding === 'deployment' ? this.#deployment : undefined) ?? this.#nothing;
    const isHeeded = !(await content.restore());
    await truncate(this.#cluster.auditLog);
    return isHeeded;
  }

  async stop(): Promise<void> {
    await this.#cluster.stop();
  }
}
