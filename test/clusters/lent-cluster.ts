import { truncate } from 'node:fs/promises';
import { type Cluster, startCluster } from '../../deploy/local/cluster.ts';
import type { ClusterAccess } from '../../deploy/local/cluster-access.ts';
import { applyBase } from '../../deploy/local/manifests.ts';
import { EtcdContent } from './etcd-content.ts';
import { removeAllKinds, untilHeeded } from './heeding.ts';

/** What a borrowed cluster holds: nothing, or the manifests of deploy/base. */
export type Holding = 'nothing' | 'deployment';

/** What the API server heeds a moment after it has changed, which `untilHeeded` shows. */
const heededLater = new RegExp(
  '^/registry/(?:(?:validating|mutating)admissionpolic|(?:cluster)?role|serviceaccounts/)',
);
/** Nothing shows which of them the API server still calls. */
const webhooks = new RegExp('^/registry/(?:validating|mutating)webhookconfigurations/');

const mostPasses = 10;
/** Collecting garbage half as often saves a twentieth of their CPU, for some fifty MB each. */
const environment = { GOGC: '200' };

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
    const cluster = await startCluster({ environment });
    return new LentCluster(cluster, await EtcdContent.read(cluster.etcdUrl));
  }

  get access(): ClusterAccess {
    return this.#cluster;
  }

  get holding(): Holding {
    return this.#holding;
  }

  /** Makes it hold this. */
  async prepare(holding: Holding): Promise<void> {
    if (holding === this.#holding) return;
    this.#holding = holding;
    if (holding === 'nothing' || this.#deployment !== undefined) return this.clean();
    await applyBase(this.#cluster.adminKubeconfig);
    await using api = this.#cluster.adminClient();
    await untilHeeded(api);
    this.#deployment = await EtcdContent.read(this.#cluster.etcdUrl);
  }

  /**
   * Takes back what somebody has done with it; resolves when the API server heeds all of it.
   * @throws when it does not, or nobody can say
   */
  async clean(): Promise<void> {
    const content = (this.#holding === 'deployment' ? this.#deployment : undefined) ?? this.#nothing;
    await using api = this.#cluster.adminClient();
    for (let pass = 1; ; pass += 1) {
      const changed = await content.restore();
      if (changed.some((key) => webhooks.test(key))) throw new Error('Its webhooks have changed.');
      if (changed.some((key) => heededLater.test(key))) await untilHeeded(api);
      await removeAllKinds(this.#cluster, api);
      if (changed.length === 0) break;
      // The API server may still answer what it has heard of: with an Event, or an address for a Service.
      if (pass === mostPasses) throw new Error(`Somebody still writes ${changed.join(', ')}.`);
    }
    await truncate(this.#cluster.auditLog);
  }

  async stop(): Promise<void> {
    await this.#cluster.stop();
  }
}
