import type { ObjectMeta } from '../client/api-objects.ts';
import type { KubernetesClient } from '../client/client.ts';
import { configMaps } from '../client/collections.ts';
import { KubernetesError, unless } from '../client/kubernetes-error.ts';
import { fieldManager, managedByLabel } from './managed-by.ts';
import { noMetadata, type ObjectMetadata } from './object-metadata.ts';
import type { RecordObserver, RecordRequest } from './record-observer.ts';

interface Kind {
  /** The number follows. */
  readonly prefix: string;
  /** Selects the documents of this kind. */
  readonly label: readonly [key: string, value: string];
  readonly dataKey: string;
}

interface Found extends ObjectMetadata {
  readonly resourceVersion: string | undefined;
}

const ledgerLabel = 'kube-lego.io/ledger';
/** The ledger of the CA, that of the staging CA, and the record of holders. */
const kinds = {
  orders: {
    prefix: 'kube-lego-ledger-',
    label: [ledgerLabel, 'rate-limits'],
    dataKey: 'ledger.json',
  },
  rehearsals: {
    prefix: 'kube-lego-rehearsal-ledger-',
    label: [ledgerLabel, 'rehearsal'],
    dataKey: 'ledger.json',
  },
  holders: {
    prefix: 'kube-lego-holders-',
    label: ['kube-lego.io/record', 'holders'],
    dataKey: 'holders.json',
  },
} as const satisfies Record<string, Kind>;

/** Documents per page: of 30 KB each, and up to 120 KB from earlier versions. */
const pageSize = 100;

/**
 * The numbered documents of one record, each in a ConfigMap of our namespace, which is replaced or deleted only as this process has read
 * or written it last. Throws KubernetesError or the signal's reason.
 */
export class NumberedDocuments {
  readonly #client: Pick<KubernetesClient, 'call'>;
  readonly #namespace: string;
  readonly #kind: Kind;
  readonly #objectMetadata: ObjectMetadata;
  readonly #observer: RecordObserver | undefined;
  /** By number, the metadata last read or written. */
  #found = new Map<number, Found>();

  constructor(
    client: Pick<KubernetesClient, 'call'>,
    namespace: string,
    kind: keyof typeof kinds,
    metadata: ObjectMetadata = noMetadata,
    observer?: RecordObserver,
  ) {
    this.#client = client;
    this.#observer = observer;
    this.#objectMetadata = metadata;
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
    const page = { labelSelector: label.join('='), limit: String(pageSize) };
    const documents = new Map<number, string>();
    const all = new Map<number, Found>();
    let token: string | undefined;
    do {
      const from = token === undefined ? page : { ...page, continue: token };
      const { items, metadata } = await this.#observed('list', 0, () =>
        this.#client.call(signal, (api) => api.list(configMaps, this.#namespace, from)),
      );
      for (const { metadata: found, data } of items) {
        const shard = shardOf(found?.name ?? '', prefix);
        if (shard === undefined || found === undefined) continue;
        documents.set(shard, data?.[dataKey] ?? '');
        all.set(shard, toKeep(found));
      }
      token = metadata?.continue;
    } while (token !== undefined && token !== '');
    this.#found = all;
    return documents;
  }

  /**
   * Creates or replaces a document. Labels and annotations that others have put on its ConfigMap are kept.
   *
   * @param text undefined: delete it
   * @throws KubernetesError Conflict if somebody else has created, changed or deleted the document: read again
   */
  async write(shard: number, text: string | undefined, signal: AbortSignal): Promise<void> {
    if (text === undefined) return this.#delete(shard, signal);
    try {
      const written = await this.#write(shard, text, signal);
      this.#found.set(shard, toKeep(written.metadata ?? {}));
    } catch (error) {
      // Perhaps for what others have put on it and taken away again since.
      if (error instanceof KubernetesError && !error.transient) this.#found.delete(shard);
      throw error;
    }
  }

  async #write(shard: number, text: string, signal: AbortSignal) {
    const isKnown = this.#found.has(shard);
    const written = isKnown
      ? await this.#replace(shard, text, signal)
      : await unless('AlreadyExists', () => this.#create(shard, text, signal));
    if (written !== undefined) return written;
    const change = isKnown ? 'was deleted' : 'was created';
    throw new KubernetesError('Conflict', `ConfigMap ${this.nameOf(shard)} ${change} by another client`);
  }

  async #delete(shard: number, signal: AbortSignal): Promise<void> {
    const { name, namespace, resourceVersion } = this.#metadata(shard, this.#found.get(shard));
    await this.#observed('delete', shard, async () => {
      // One that could not be created is not wanted any more.
      if (resourceVersion === undefined) return;
      await unless('NotFound', () =>
        this.#client.call(signal, (api) => api.delete(configMaps, { namespace, name }, { resourceVersion })),
      );
    });
    this.#found.delete(shard);
  }

  /** @returns undefined if there is none */
  #replace(shard: number, text: string, signal: AbortSignal) {
    const metadata = this.#metadata(shard, this.#found.get(shard));
    const { name, namespace } = metadata;
    const body = this.#body(metadata, text);
    return this.#observed('update', shard, () =>
      unless('NotFound', () =>
        this.#client.call(signal, (api) =>
          api.replace(configMaps, { namespace, name }, body, { fieldManager }),
        ),
      ),
    );
  }

  #create(shard: number, text: string, signal: AbortSignal) {
    const metadata = this.#metadata(shard);
    const { namespace } = metadata;
    const body = this.#body(metadata, text);
    return this.#observed('create', shard, () =>
      this.#client.call(signal, (api) => api.create(configMaps, namespace, body, { fieldManager })),
    );
  }

  #observed<T>(verb: RecordRequest['verb'], shard: number, work: () => Promise<T>): Promise<T> {
    if (this.#observer === undefined) return work();
    return this.#observer.observe({ verb, kind: 'ConfigMap', name: this.nameOf(shard) }, work);
  }

  #body(metadata: ObjectMeta, text: string) {
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [this.#kind.dataKey]: text } };
  }

  #metadata(shard: number, { resourceVersion, labels, annotations }: Partial<Found> = {}) {
    const { prefix } = this.#kind;
    const wanted = this.#objectMetadata;
    return {
      name: `${prefix}${shard}`,
      namespace: this.#namespace,
      labels: { ...wanted.labels, ...labels, ...ownLabels(this.#kind) },
      annotations: { ...wanted.annotations, ...annotations },
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
  }
}

function ownLabels({ label: [key, value] }: Kind): Record<string, string> {
  return { [managedByLabel.key]: managedByLabel.value, [key]: value };
}

/** Of what others add only labels and annotations: a finalizer that has been removed meanwhile must not come back. */
function toKeep({ resourceVersion, labels = {}, annotations = {} }: ObjectMeta): Found {
  return { resourceVersion, labels, annotations };
}

function shardOf(name: string, prefix: string): number | undefined {
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^\d{1,6}$/.test(digits) ? Number(digits) : undefined;
}
