import type { V1ObjectMeta } from '@kubernetes/client-node';
import type { KubernetesClient } from '../client/client.ts';
import { KubernetesError, unless } from '../client/kubernetes-error.ts';
import { addMissing, newMetadata, noMetadata, type ObjectMetadata } from './object-metadata.ts';
import type { RecordObserver, RecordRequest } from './record-observer.ts';

/** The requests for one object. */
interface Requests<T> {
  read(client: KubernetesClient): Promise<T>;
  create(client: KubernetesClient, body: T): Promise<T>;
  replace(client: KubernetesClient, body: T): Promise<T>;
}

export interface GuardedObjectOptions<T> {
  readonly client: Pick<KubernetesClient, 'call'>;
  readonly kind: RecordRequest['kind'];
  readonly namespace: string;
  readonly name: string;
  /** Of a new object, besides our label. */
  readonly metadata?: ObjectMetadata | undefined;
  readonly requests: Requests<T>;
  readonly observer?: RecordObserver | undefined;
}

/**
 * One object of ours, which is replaced only as this process has read or written it last; what others have added to its metadata stays.
 * Throws KubernetesError or the signal's reason.
 */
export class GuardedObject<T extends { metadata?: V1ObjectMeta }> {
  /** NAMESPACE/NAME. */
  readonly name: string;
  readonly #options: GuardedObjectOptions<T>;
  /** As last read or written; undefined if there is none. */
  #found: T | undefined;

  constructor(options: GuardedObjectOptions<T>) {
    this.#options = options;
    this.name = `${options.namespace}/${options.name}`;
  }

  /** @returns undefined if there is none */
  async read(signal: AbortSignal): Promise<T | undefined> {
    const { client, requests } = this.#options;
    this.#found = await this.#observed('get', () =>
      unless('NotFound', () => client.call(signal, (called) => requests.read(called))),
    );
    return this.#found;
  }

  /**
   * Creates or replaces it.
   * @param bodyOf the object with this metadata
   * @throws KubernetesError Conflict if somebody else has created, changed or deleted it: read again
   */
  async write(bodyOf: (metadata: V1ObjectMeta) => T, signal: AbortSignal): Promise<void> {
    const { client, kind, name, namespace, metadata = noMetadata, requests } = this.#options;
    const found = this.#found;
    const present = found?.metadata;
    if (present !== undefined) addMissing(present, metadata);
    const body = bodyOf(present ?? newMetadata(namespace, name, metadata));
    const written = await (found === undefined
      ? this.#observed('create', () =>
          unless('AlreadyExists', () => client.call(signal, (called) => requests.create(called, body))),
        )
      : this.#observed('update', () =>
          unless('NotFound', () => client.call(signal, (called) => requests.replace(called, body))),
        ));
    if (written === undefined) {
      const change = found === undefined ? 'was created' : 'was deleted';
      throw new KubernetesError('Conflict', `${kind} ${this.name} ${change} by another client`);
    }
    this.#found = written;
  }

  #observed<R>(verb: RecordRequest['verb'], work: () => Promise<R>): Promise<R> {
    const { kind, observer } = this.#options;
    return observer === undefined ? work() : observer.observe({ verb, kind, name: this.name }, work);
  }
}
