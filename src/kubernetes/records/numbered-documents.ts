import type { KubernetesClient } from '../client/client.ts';
import { KubernetesError, unless } from '../client/kubernetes-error.ts';
import { fieldManager, managedByLabel } from './managed-by.ts';

interface Kind {
  /** The number follows. */
  readonly prefix: string;
  /** Selects the documents of this kind. */
  readonly label: readonly [key: string, value: string];
  readonly dataKey: string;
  /** A document is replaced only as this process has read or written it last. */
  readonly guarded: boolean;
}

const ledgerLabel = 'kube-lego.io/ledger';
/** The ledger of the CA, that of the staging CA, and the record of holders. */
const kinds = {
  orders: {
    prefix: 'kube-lego-ledger-',
    label: [ledgerLabel, 'rate-limits'],
    dataKey: 'ledger.json',
    guarded: false,
  },
  rehearsals: {
    prefix: 'kube-lego-rehearsal-ledger-',
    label: [ledgerLabel, 'rehearsal'],
    dataKey: 'ledger.json',
    guarded: false,
  },
  holders: {
    prefix: 'kube-lego-holders-',
    label: ['kube-lego.io/record', 'holders'],
    dataKey: 'holders.json',
    guarded: true,
  },
} as const satisfies Record<string, Kind>;

/** Documents per page: of 100 KB each. */
const pageSize = 100;

/**
 * The numbered documents of one record, each in a ConfigMap of our namespace. Throws KubernetesError or the signal's reason.
 */
export class NumberedDocuments {
  readonly #client: Pick<KubernetesClient, 'call'>;
  readonly #namespace: string;
  readonly #kind: Kind;
  /** By number, the resourceVersion last read or written. */
  #versions = new Map<number, string | undefined>();

  constructor(client: Pick<KubernetesClient, 'call'>, namespace: string, kind: keyof typeof kinds) {
    this.#client = client;
    this.#namespace = namespace;
    this.#kind = kinds[kind];
  }

  /** NAMESPACE/NAME of the ConfigMap. */
  nameOf(shard: number): string {
    return `${this.#namespace}/${this.#kind.prefix}${shard}`;
  }

  /** All documents, by number. */
  async read(signal: AbortSignal): Promise<ReadonlyMap<number, string>> {
    const { prefix, label, dataKey } = this.#kind;
    const page = { namespace: this.#namespace, labelSelector: label.join('='), limit: pageSize };
    const documents = new Map<number, string>();
    const versions = new Map<number, string | undefined>();
    let _continue: string | undefined;
    do {
      const from = _continue === undefined ? page : { ...page, _continue };
      const { items, metadata } = await this.#client.call(signal, ({ core }) =>
        core.listNamespacedConfigMap(from),
      );
      for (const { metadata: found, data } of items) {
        const shard = shardOf(found?.name ?? '', prefix);
        if (shard === undefined) continue;
        documents.set(shard, data?.[dataKey] ?? '');
        versions.set(shard, found?.resourceVersion);
      }
      _continue = metadata?._continue;
    } while (_continue !== undefined && _continue !== '');
    this.#versions = versions;
    return documents;
  }

  /**
   * Creates or replaces a document.
   *
   * @param text undefined: delete it
   * @throws KubernetesError Conflict if the record is guarded and somebody else has changed or deleted the document: read again
   */
  async write(shard: number, text: string | undefined, signal: AbortSignal): Promise<void> {
    if (text === undefined) return this.#delete(shard, signal);
    const written = this.#kind.guarded
      ? await this.#writeGuarded(shard, text, signal)
      : ((await this.#replace(shard, text, undefined, signal)) ?? (await this.#create(shard, text, signal)));
    this.#versions.set(shard, written.metadata?.resourceVersion);
  }

  async #writeGuarded(shard: number, text: string, signal: AbortSignal) {
    const version = this.#versions.get(shard);
    const written =
      version === undefined
        ? await unless('AlreadyExists', () => this.#create(shard, text, signal))
        : await this.#replace(shard, text, version, signal);
    if (written !== undefined) return written;
    const change = version === undefined ? 'was created' : 'was deleted';
    throw new KubernetesError('Conflict', `ConfigMap ${this.nameOf(shard)} ${change} by another client`);
  }

  async #delete(shard: number, signal: AbortSignal): Promise<void> {
    const { name, namespace } = this.#metadata(shard);
    await unless('NotFound', () =>
      this.#client.call(signal, ({ core }) => core.deleteNamespacedConfigMap({ namespace, name })),
    );
    this.#versions.delete(shard);
  }

  /** @returns undefined if there is none */
  #replace(shard: number, text: string, resourceVersion: string | undefined, signal: AbortSignal) {
    const body = this.#body(shard, text, resourceVersion);
    const { name, namespace } = body.metadata;
    return unless('NotFound', () =>
      this.#client.call(signal, ({ core }) =>
        core.replaceNamespacedConfigMap({ namespace, name, body, fieldManager }),
      ),
    );
  }

  #create(shard: number, text: string, signal: AbortSignal) {
    const body = this.#body(shard, text);
    const { namespace } = body.metadata;
    return this.#client.call(signal, ({ core }) =>
      core.createNamespacedConfigMap({ namespace, body, fieldManager }),
    );
  }

  #body(shard: number, text: string, resourceVersion?: string) {
    const version = resourceVersion === undefined ? {} : { resourceVersion };
    const metadata = { ...this.#metadata(shard), ...version };
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [this.#kind.dataKey]: text } };
  }

  #metadata(shard: number) {
    const [key, value] = this.#kind.label;
    return {
      name: `${this.#kind.prefix}${shard}`,
      namespace: this.#namespace,
      labels: { [managedByLabel.key]: managedByLabel.value, [key]: value },
    };
  }
}

function shardOf(name: string, prefix: string): number | undefined {
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^\d{1,6}$/.test(digits) ? Number(digits) : undefined;
}
