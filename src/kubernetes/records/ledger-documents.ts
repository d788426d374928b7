import type { LedgerStore } from '../../ledger/ledger-keeper.ts';
import type { KubernetesClient } from '../client/client.ts';
import { unless } from '../client/kubernetes-error.ts';
import { fieldManager, managedByLabel } from './managed-by.ts';

/** Names and labels of the ConfigMaps: the ledger of the CA, and that of the staging CA. */
const ledgers = {
  orders: { prefix: 'kube-lego-ledger-', label: 'rate-limits' },
  rehearsals: { prefix: 'kube-lego-rehearsal-ledger-', label: 'rehearsal' },
} as const;
const labelKey = 'kube-lego.io/ledger';
const dataKey = 'ledger.json';

/** Stores the documents of the ledger in ConfigMaps of our namespace. Throws KubernetesError or the signal's reason. */
export class KubernetesLedgerDocuments implements LedgerStore {
  readonly #client: KubernetesClient;
  readonly #namespace: string;
  readonly #ledger: (typeof ledgers)[keyof typeof ledgers];

  constructor(client: KubernetesClient, namespace: string, ledger: keyof typeof ledgers) {
    this.#client = client;
    this.#namespace = namespace;
    this.#ledger = ledgers[ledger];
  }

  async read(signal: AbortSignal): Promise<ReadonlyMap<number, string>> {
    const namespace = this.#namespace;
    const { prefix, label } = this.#ledger;
    const labelSelector = `${labelKey}=${label}`;
    const { items } = await this.#client.call(signal, ({ core }) =>
      core.listNamespacedConfigMap({ namespace, labelSelector }),
    );
    return new Map(
      items.flatMap(({ metadata, data }) => {
        const shard = shardOf(metadata?.name ?? '', prefix);
        return shard === undefined ? [] : [[shard, data?.[dataKey] ?? ''] as const];
      }),
    );
  }

  async write(shard: number, text: string | undefined, signal: AbortSignal): Promise<void> {
    const namespace = this.#namespace;
    const { prefix, label } = this.#ledger;
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
      labels: { [managedByLabel.key]: managedByLabel.value, [labelKey]: label },
    };
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [dataKey]: text } };
    // We are the only writer, so no resourceVersion is needed.
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

function shardOf(name: string, prefix: string): number | undefined {
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^\d{1,6}$/.test(digits) ? Number(digits) : undefined;
}
