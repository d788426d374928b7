import type { Secret } from '../client/api-objects.ts';
import type { KubernetesClient } from '../client/client.ts';
import { secrets } from '../client/collections.ts';
import type { EntryStore } from '../client/entry-store.ts';
import { GuardedObject } from './guarded-object.ts';
import type { ObjectMetadata } from './object-metadata.ts';
import type { RecordObserver } from './record-observer.ts';

/** The Secrets of our namespace that hold a record each: unfinished orders, requested revocations, and values in the DNS. */
export const recordSecrets = {
  journal: 'kube-lego-journal-0',
  revocations: 'kube-lego-revocations',
  dns: 'kube-lego-dns-values',
} as const;

/**
 * The entries of a record in one Secret, as texts by key, so that its resourceVersion is the lock of all. Throws KubernetesError or the
 * signal's reason.
 */
export class SecretEntries implements EntryStore {
  readonly #secret: GuardedObject<Secret>;

  constructor(
    client: Pick<KubernetesClient, 'call'>,
    namespace: string,
    record: keyof typeof recordSecrets,
    metadata?: ObjectMetadata,
    observer?: RecordObserver,
  ) {
    const name = recordSecrets[record];
    this.#secret = new GuardedObject({
      client,
      collection: secrets,
      kind: 'Secret',
      namespace,
      name,
      metadata,
      observer,
    });
  }

  get name(): string {
    return this.#secret.name;
  }

  /** @returns undefined if there is no Secret */
  async read(signal: AbortSignal): Promise<ReadonlyMap<string, string> | undefined> {
    const found = await this.#secret.read(signal);
    if (found === undefined) return undefined;
    const data = Object.entries(found.data ?? {});
    return new Map(data.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
  }

  /** Creates or replaces all of it. */
  async write(entries: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const data = Object.fromEntries(
      Array.from(entries, ([key, text]) => [key, Buffer.from(text).toString('base64')]),
    );
    await this.#secret.write((metadata) => ({ ...fields, data, metadata }), signal);
  }

  /** See `GuardedObject.recheckWrite`. */
  async recheckWrite(signal: AbortSignal): Promise<void> {
    await this.#secret.recheckWrite((metadata) => ({ ...fields, metadata }), signal);
  }
}

const fields = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque' };
