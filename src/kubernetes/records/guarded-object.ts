import type { ObjectMeta } from '../client/api-objects.ts';
import type { KubernetesClient } from '../client/client.ts';
import type { Collection } from '../client/collections.ts';
import { KubernetesError, unless } from '../client/kubernetes-error.ts';
import { fieldManager } from './managed-by.ts';
import { addMissing, newMetadata, noMetadata, type ObjectMetadata } from './object-metadata.ts';
import type { RecordObserver, RecordRequest } from './record-observer.ts';

export interface GuardedObjectOptions<T> {
  readonly client: Pick<KubernetesClient, 'call'>;
  readonly collection: Collection<T>;
  readonly kind: RecordRequest['kind'];
  readonly namespace: string;
  readonly name: string;
  /** Of a new object, besides our label. */
  readonly metadata?: ObjectMetadata | undefined;
  readonly observer?: RecordObserver | undefined;
}

/**
 * One object of ours, which is replaced only as this process has read or written it last; what others have added to its metadata stays.
 * Throws KubernetesError or the signal's reason.
 */
export class GuardedObject<T extends { metadata?: ObjectMeta }> {
  /** NAMESPACE/NAME. */
  readonly name: string;
  readonly #options: GuardedObjectOptions<T>;
  /** As last read or written; undefined if there is none. */
  #found: { readonly metadata?: ObjectMeta } | undefined;
  #writeFailed = false;

  constructor(options: GuardedObjectOptions<T>) {
    this.#options = options;
    this.name = `${options.namespace}/${options.name}`;
  }

  /** @returns undefined if there is none */
  async read(signal: AbortSignal): Promise<T | undefined> {
    const { client, collection, namespace, name } = this.#options;
    const found = await this.#observed('get', () =>
      unless('NotFound', () => client.call(signal, (api) => api.read(collection, { namespace, name }))),
    );
    this.#found = found;
    return found;
  }

  /**
   * Creates or replaces it.
   * @param bodyOf the object with this metadata
   * @throws KubernetesError Conflict if somebody else has created, changed or deleted it: read again
   */
  async write(bodyOf: (metadata: ObjectMeta) => T, signal: AbortSignal): Promise<void> {
    const { kind, name, namespace, metadata = noMetadata } = this.#options;
    const found = this.#found;
    const present = found?.metadata;
    if (present !== undefined) addMissing(present, metadata);
    const body = bodyOf(present ?? newMetadata(namespace, name, metadata));
    const written = await this.#send(body, found !== undefined, signal);
    if (written === undefined) {
      const change = found === undefined ? 'was created' : 'was deleted';
      throw new KubernetesError('Conflict', `${kind} ${this.name} ${change} by another client`);
    }
    this.#found = written;
  }

  /**
   * After a write that has failed: tries, without writing anything, whether one would be taken now, and has the observer told. Nobody
   * may need to write again, and the trouble would stand for ever. What `write` is guarded by stays as it was read last.
   * @param bodyOf a new object with this metadata
   */
  async recheckWrite(bodyOf: (metadata: ObjectMeta) => T, signal: AbortSignal): Promise<void> {
    if (!this.#writeFailed) return;
    const { client, collection, name, namespace, metadata = noMetadata } = this.#options;
    const found = await unless('NotFound', () =>
      client.call(signal, (api) => api.read(collection, { namespace, name })),
    );
    const body = found ?? bodyOf(newMetadata(namespace, name, metadata));
    await this.#send(body, found !== undefined, signal, true);
  }

  /** @returns undefined if the object was created or deleted meanwhile */
  async #send(
    body: T,
    exists: boolean,
    signal: AbortSignal,
    dryRun = false,
  ): Promise<{ readonly metadata?: ObjectMeta } | undefined> {
    const { client, collection, name, namespace } = this.#options;
    const options = { fieldManager, dryRun };
    this.#writeFailed = true;
    const written = await (exists
      ? this.#observed('update', () =>
          unless('NotFound', () =>
            client.call(signal, (api) => api.replace(collection, { namespace, name }, body, options)),
          ),
        )
      : this.#observed('create', () =>
          unless('AlreadyExists', () =>
            client.call(signal, (api) => api.create(collection, namespace, body, options)),
          ),
        ));
    this.#writeFailed = false;
    return written;
  }

  #observed<R>(verb: RecordRequest['verb'], work: () => Promise<R>): Promise<R> {
    const { kind, observer } = this.#options;
    return observer === undefined ? work() : observer.observe({ verb, kind, name: this.name }, work);
  }
}
