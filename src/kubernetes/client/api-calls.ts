import type { ObjectList, ObjectMeta } from './api-objects.ts';
import { type Collection, collectionPath, metadataForms, objectPath } from './collections.ts';

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

export interface WriteOptions {
  /** The field manager. */
  readonly fieldManager: string;
  /** Only tests whether it would be admitted. */
  readonly dryRun?: boolean | undefined;
  /**
   * The object as it is after the write is wanted, not its metadata alone. A record has up to a megabyte, which would come back with each
   * write.
   */
  readonly whole?: true;
}

/** What a write is answered with. */
export type Written<T, Options extends WriteOptions> = Options extends { readonly whole: true }
  ? T
  : { readonly metadata?: ObjectMeta };

/** Deletes only this version of the object. */
export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export const patchTypes = {
  /** JSON merge patch, RFC 7386. */
  merge: 'application/merge-patch+json',
  /** Server-side apply, which takes fields over from other managers. */
  apply: 'application/apply-patch+yaml',
} as const;

/** One request of the API, without its credentials. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With the query. */
  readonly path: string;
  readonly contentType?: string;
  /** Default `application/json`. */
  readonly accept?: string;
  readonly body?: object;
}

/**
 * The calls for objects of any kind; each is one request. client-node has a class with all calls of each API group, and another for
 * each type: loading them takes 300 ms of CPU and 60 MB (measured), so of these only the types are used.
 */
export class ApiCalls {
  readonly #send: <T>(request: ApiRequest) => Promise<T>;

  /** @param send resolves with the object that is answered; throws KubernetesError */
  constructor(send: <T>(request: ApiRequest) => Promise<T>) {
    this.#send = send;
  }

  read<T>(collection: Collection<T>, { namespace, name }: ObjectName): Promise<T> {
    return this.#send({ method: 'GET', path: objectPath(collection, namespace, name) });
  }

  /** One page. @param query such as `labelSelector`, `limit` and `continue` */
  list<T>(
    collection: Collection<T>,
    namespace: string,
    query: Readonly<Record<string, string>>,
  ): Promise<ObjectList<T>> {
    const path = `${collectionPath(collection, namespace)}?${new URLSearchParams(query).toString()}`;
    return this.#send({ method: 'GET', path });
  }

  create<T extends object, Options extends WriteOptions>(
    collection: Collection<T>,
    namespace: string,
    body: T,
    options: Options,
  ): Promise<Written<T, Options>> {
    const path = `${collectionPath(collection, namespace)}?${writeQuery(options)}`;
    return this.#send({ method: 'POST', path, accept: acceptOf(options), body });
  }

  replace<T extends object, Options extends WriteOptions>(
    collection: Collection<T>,
    { namespace, name }: ObjectName,
    body: T,
    options: Options,
  ): Promise<Written<T, Options>> {
    const path = `${objectPath(collection, namespace, name)}?${writeQuery(options)}`;
    return this.#send({ method: 'PUT', path, accept: acceptOf(options), body });
  }

  patch<T, Options extends WriteOptions>(
    collection: Collection<T>,
    { namespace, name }: ObjectName,
    type: keyof typeof patchTypes,
    body: object,
    options: Options,
  ): Promise<Written<T, Options>> {
    const force = type === 'apply' ? '&force=true' : '';
    const path = `${objectPath(collection, namespace, name)}?${writeQuery(options)}${force}`;
    return this.#send({
      method: 'PATCH',
      path,
      contentType: patchTypes[type],
      accept: acceptOf(options),
      body,
    });
  }

  async delete(
    collection: Collection,
    { namespace, name }: ObjectName,
    preconditions: Preconditions,
  ): Promise<void> {
    await this.#send({
      method: 'DELETE',
      path: objectPath(collection, namespace, name),
      body: { preconditions },
    });
  }
}

function acceptOf({ whole }: WriteOptions): string {
  return whole === true ? 'application/json' : metadataForms.written;
}

/** The query of a write. */
export function writeQuery({ fieldManager, dryRun = false }: WriteOptions): string {
  return `fieldManager=${encodeURIComponent(fieldManager)}${dryRun ? '&dryRun=All' : ''}`;
}
