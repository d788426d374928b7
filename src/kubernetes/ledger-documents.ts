import type { LedgerStore } from '../ledger-keeper.ts';
import { type KubernetesClient, KubernetesError } from './client.ts';
import { fieldManager, managedByLabel } from './managed-by.ts';

const prefix = 'kube-lego-ledger-';
const label = { key: 'kube-lego.io/ledger', value: 'rate-limits' };
const dataKey = 'ledger.json';

/** Keeps the documents of the ledger in ConfigMaps of our namespace. Throws KubernetesError or the signal's reason. */
export class KubernetesLedgerDocuments implements LedgerStore {
  readonly #client: KubernetesClient;
  readonly #namespace: string;

  constructor(client: KubernetesClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  async read(signal: AbortSignal): Promise<ReadonlyMap<number, string>> {
    const namespace = this.#namespace;
    const labelSelector = `${label.key}=${label.value}`;
    const { items } = await this.#client.call(signal, ({ core }) =>
      core.listNamespacedConfigMap({ namespace, labelSelector }),
    );
    return new Map(
      items.flatMap(({ metadata, data }) => {
        const shard = shardOf(metadata?.name ?? '');
        return shard === undefined ? [] : [[shard, data?.[dataKey] ?? ''] as const];
      }),
    );
  }

  async write(shard: number, text: string | undefined, signal: AbortSignal): Promise<void> {
    const namespace = this.#namespace;
    const name = `${prefix}${shard}`;
    if (text === undefined) {
      await unless('NotFound', () =>
        this.#client.call(signal, ({ core }) => core.deleteNamespacedConfigMap({ namespace, name })),
      );
      return;
    }
    const metadata = {
      name,
      namespace,
      labels: { [managedByLabel.key]: managedByLabel.value, [label.key]: label.value },
    };
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [dataKey]: text } };
    // We are its only writer; without a version the last word counts, which is ours.
    const replaced = await unless('NotFound', () =>
      this.#client.call(signal, ({ core }) =>
        core.replaceNamespacedConfigMap({ namespace, name, body, fieldManager }),
      ),
    );
    if (replaced !== undefined) return;
    await this.#client.call(signal, ({ core }) =>
      core.createNamespacedConfigMap({ namespace, body, fieldManager }),
    );
  }
}

function shardOf(name: string): number | undefined {
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^\d{1,6}$/.test(digits) ? Number(digits) : undefined;
}

/** Undefined in place of the one error that the caller expects. */
async function unless<T>(code: KubernetesError['code'], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KubernetesError && error.code === code) return undefined;
    throw error;
  }
}
