import type { AccountChanges, AccountSecret, AccountSecretStore } from '../../acme/account/account-secret.ts';
import type { Secret } from '../client/api-objects.ts';
import type { KubernetesClient } from '../client/client.ts';
import { secrets } from '../client/collections.ts';
import { unless } from '../client/kubernetes-error.ts';
import { fieldManager } from './managed-by.ts';
import { addMissing, newMetadata, noMetadata, type ObjectMetadata } from './object-metadata.ts';
import type { RecordObserver, RecordRequest } from './record-observer.ts';

/** Stores the ACME account in a Secret (`kube-lego-account` since 2016). Throws KubernetesError or the signal's reason. */
export class KubernetesAccountSecret implements AccountSecretStore {
  readonly name: string;
  readonly #client: Pick<KubernetesClient, 'call'>;
  readonly #metadata: ObjectMetadata;
  readonly #reference: { readonly namespace: string; readonly name: string };
  readonly #observer: RecordObserver | undefined;
  #writeFailed = false;

  constructor(
    client: Pick<KubernetesClient, 'call'>,
    namespace: string,
    name: string,
    metadata: ObjectMetadata = noMetadata,
    observer?: RecordObserver,
  ) {
    this.#observer = observer;
    this.#client = client;
    this.#metadata = metadata;
    this.#reference = { namespace, name };
    this.name = `${namespace}/${name}`;
  }

  async read(signal: AbortSignal): Promise<AccountSecret | undefined> {
    return (await this.#get(signal))?.stored;
  }

  async create(
    data: Readonly<Record<string, Buffer>>,
    signal: AbortSignal,
  ): Promise<AccountSecret | undefined> {
    return unless('AlreadyExists', async () => decoded(await this.#create(encoded(data), signal)));
  }

  /** Reads the object again to keep its labels and foreign keys; the resourceVersion detects other changes. */
  async update(
    current: AccountSecret,
    data: AccountChanges,
    signal: AbortSignal,
  ): Promise<AccountSecret | undefined> {
    const now = await this.#get(signal);
    if (now?.stored.uid !== current.uid || now.stored.resourceVersion !== current.resourceVersion)
      return undefined;
    const body = now.object;
    body.data = { ...body.data, ...encoded(data) };
    for (const [field, value] of Object.entries(data)) if (value === undefined) delete body.data[field];
    addMissing((body.metadata ??= {}), this.#metadata);
    return unless('Conflict', async () => decoded(await this.#replace(body, signal)));
  }

  /**
   * After a write that has failed: tries, without writing anything, whether one would be taken now, and has the observer told. Nobody
   * may need to write again, and the trouble would stand for ever.
   */
  async recheckWrite(signal: AbortSignal): Promise<void> {
    if (!this.#writeFailed) return;
    const now = await this.#get(signal);
    await (now === undefined ? this.#create({}, signal, true) : this.#replace(now.object, signal, true));
  }

  #create(data: Record<string, string>, signal: AbortSignal, dryRun = false): Promise<Secret> {
    const { name, namespace } = this.#reference;
    const metadata = newMetadata(namespace, name, this.#metadata);
    const body: Secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data };
    return this.#written('create', () =>
      this.#client.call(signal, (api) =>
        api.create(secrets, namespace, body, { fieldManager, dryRun, whole: true }),
      ),
    );
  }

  #replace(body: Secret, signal: AbortSignal, dryRun = false): Promise<Secret> {
    return this.#written('update', () =>
      this.#client.call(signal, (api) =>
        api.replace(secrets, this.#reference, body, { fieldManager, dryRun, whole: true }),
      ),
    );
  }

  async #written(verb: 'create' | 'update', work: () => Promise<Secret>): Promise<Secret> {
    this.#writeFailed = true;
    const written = await this.#observed(verb, work);
    this.#writeFailed = false;
    return written;
  }

  async #get(signal: AbortSignal): Promise<{ object: Secret; stored: AccountSecret } | undefined> {
    const object = await this.#observed('get', () =>
      unless('NotFound', () => this.#client.call(signal, (api) => api.read(secrets, this.#reference))),
    );
    return object && { object, stored: decoded(object) };
  }

  #observed<T>(verb: RecordRequest['verb'], work: () => Promise<T>): Promise<T> {
    if (this.#observer === undefined) return work();
    return this.#observer.observe({ verb, kind: 'Secret', name: this.name }, work);
  }
}

function encoded(data: AccountChanges): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value.toString('base64')]],
    ),
  );
}

function decoded(object: Secret): AccountSecret {
  const data = Object.entries(object.data ?? {}).map(([key, value]): [string, Buffer] => [
    key,
    Buffer.from(value, 'base64'),
  ]);
  const createdAt = Date.parse(object.metadata?.creationTimestamp ?? '');
  return {
    data: Object.fromEntries(data),
    uid: object.metadata?.uid ?? '',
    resourceVersion: object.metadata?.resourceVersion ?? '',
    createdAt: Number.isNaN(createdAt) ? undefined : createdAt,
  };
}
