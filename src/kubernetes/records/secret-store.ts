// The objects that kube-lego writes: TLS Secrets, the account Secret, ledger ConfigMaps, Events, status annotations. Used by the
// steps, the CA and the actors.

import type { SecretVersion } from '../../../machines/assessment/secret-facts.ts';
import { adoptAnnotation } from '../../../machines/ownership/adoption.ts';
import type { Secret } from '../client/api-objects.ts';
import type { KubernetesClient } from '../client/client.ts';
import { secrets } from '../client/collections.ts';
import { KubernetesError, unless } from '../client/kubernetes-error.ts';
import { fieldManager, managedByLabel } from './managed-by.ts';
import { noMetadata, type ObjectMetadata, toRepeat } from './object-metadata.ts';

/**
 * In place of `true` once the certificate is stored: one request is one adoption. If somebody takes our marks off the Secret, or
 * cert-manager takes it over, an old request must not let us overwrite it.
 */
const adoptionDone = 'done';

/** Annotation on a Secret: the fingerprint of the placeholder in it, see `Placeholders`. */
export const placeholderAnnotation = 'kube-lego.io/placeholder';
/** In place of the fingerprint once there is a certificate: server-side apply takes no annotation away that a creation has set. */
const placeholderReplaced = 'replaced';

/** Annotation on a Secret: what its keystore was made of. */
export const keystoreMarkAnnotation = 'kube-lego.io/keystore-mark';
const keystoreKey = 'keystore.p12';

/** A TLS Secret as read. */
export interface StoredSecret {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly type: string;
  readonly immutable: boolean;
  /** It has been deleted, and waits for a finalizer. */
  readonly deleting?: true;
  /** `tls.crt`; undefined if absent, of length 0 if empty. */
  readonly certificatePem: Buffer | undefined;
  /** `tls.key`, likewise. */
  readonly keyPem: Buffer | undefined;
  /** `keystore.p12`, if there is one. */
  readonly keystore?: Buffer;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly repeat?: SecretVersion['repeat'];
}

export interface CertificateToStore {
  readonly chainPem: string | Buffer;
  readonly keyPem: string | Buffer;
  /** All annotations `kube-lego.io/*`; omitted ones keep the value of an earlier write. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** TLS Secrets by name: read, test whether a write would be admitted, write. Never list or watch. */
export class SecretStore {
  readonly #client: Pick<KubernetesClient, 'call'>;
  readonly #metadata: ObjectMetadata;

  /** @param metadata for each Secret that is written; on an existing one it changes nothing that is there */
  constructor(client: Pick<KubernetesClient, 'call'>, metadata: ObjectMetadata = noMetadata) {
    this.#client = client;
    this.#metadata = metadata;
  }

  /** @returns undefined if there is none. @throws KubernetesError for every other failure */
  async read(namespace: string, name: string, signal: AbortSignal): Promise<StoredSecret | undefined> {
    const secret = await unless('NotFound', () =>
      this.#client.call(signal, (api) => api.read(secrets, { namespace, name })),
    );
    if (secret === undefined) return undefined;
    const repeat = toRepeat(secret.metadata, this.#metadata);
    const keystore = decode(secret.data?.[keystoreKey]);
    return {
      ...identityOf(secret, namespace, name),
      type: secret.type ?? '',
      immutable: secret.immutable ?? false,
      ...(secret.metadata?.deletionTimestamp === undefined ? {} : { deleting: true }),
      certificatePem: decode(secret.data?.['tls.crt']),
      keyPem: decode(secret.data?.['tls.key']),
      ...(keystore === undefined ? {} : { keystore }),
      annotations: secret.metadata?.annotations ?? {},
      labels: secret.metadata?.labels ?? {},
      ...(repeat === undefined ? {} : { repeat }),
    };
  }

  /** The value of one key of any Secret; undefined if there is no such Secret or key. @throws KubernetesError */
  async readKey(
    namespace: string,
    name: string,
    key: string,
    signal: AbortSignal,
  ): Promise<Buffer | undefined> {
    const secret = await unless('NotFound', () =>
      this.#client.call(signal, (api) => api.read(secrets, { namespace, name })),
    );
    const { data } = secret ?? {};
    return data !== undefined && Object.hasOwn(data, key) ? decode(data[key]) : undefined;
  }

  /**
   * Tests the write with `dryRun=All`, so that RBAC, policies, webhooks, quota, type and immutability reject it before an order is
   * spent.
   * @param existing the assessed Secret; undefined if there was none
   * @param trial like what will be written: policies and webhooks may look into it
   * @throws KubernetesError with the code of the rejection; Conflict or AlreadyExists if the Secret has changed
   */
  async proveWritable(
    namespace: string,
    name: string,
    existing: SecretVersion | undefined,
    trial: CertificateToStore,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#put(namespace, name, existing, trial, signal, true);
  }

  /**
   * Stores a certificate: creates the Secret if there was none, else applies `tls.crt`, `tls.key`, our annotations and, unless
   * it names another manager, our label to exactly the assessed object. All other fields are kept.
   * @throws KubernetesError AlreadyExists or Conflict if the Secret has changed; nothing is written then
   */
  async write(
    namespace: string,
    name: string,
    existing: SecretVersion | undefined,
    certificate: CertificateToStore,
    signal: AbortSignal,
  ): Promise<SecretVersion> {
    const secret = await this.#put(namespace, name, existing, certificate, signal);
    return identityOf(secret, namespace, name);
  }

  /**
   * Sets our annotations on exactly the assessed Secret.
   * @throws KubernetesError Conflict if the Secret has changed; nothing is written then
   */
  async annotate(
    namespace: string,
    name: string,
    { uid, resourceVersion }: SecretVersion,
    annotations: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<SecretVersion> {
    const body = { metadata: { uid, resourceVersion, annotations } };
    return this.#patch(namespace, name, body, signal);
  }

  /**
   * Sets or removes the keystore of exactly this Secret, with the annotation that tells what it was made of.
   * @param mark with `keystore`: the value of the annotation; both undefined: removed
   * @throws KubernetesError Conflict if the Secret has changed; nothing is written then
   */
  async putKeystore(
    namespace: string,
    name: string,
    { uid, resourceVersion }: SecretVersion,
    { keystore, mark }: { readonly keystore?: Buffer; readonly mark?: string },
    signal: AbortSignal,
  ): Promise<void> {
    const metadata = { uid, resourceVersion, annotations: { [keystoreMarkAnnotation]: mark ?? null } };
    const data = { [keystoreKey]: keystore?.toString('base64') ?? null };
    await this.#patch(namespace, name, { metadata, data }, signal);
  }

  async #patch(namespace: string, name: string, body: object, signal: AbortSignal): Promise<SecretVersion> {
    const secret = await this.#client.call(signal, (api) =>
      api.patch(secrets, { namespace, name }, 'merge', body, { fieldManager }),
    );
    return identityOf(secret, namespace, name);
  }

  #put(
    namespace: string,
    name: string,
    existing: SecretVersion | undefined,
    { chainPem, keyPem, annotations }: CertificateToStore,
    signal: AbortSignal,
    dryRun?: boolean,
  ): Promise<Pick<Secret, 'metadata'>> {
    const wanted = this.#metadata;
    const { labels, annotations: repeated } = existing?.repeat ?? noMetadata;
    const mark = existing?.managedByOther === true ? {} : { [managedByLabel.key]: managedByLabel.value };
    const adopted = existing?.adopt === true ? { [adoptAnnotation]: adoptionDone } : {};
    const replaced = existing?.placeholder === true ? { [placeholderAnnotation]: placeholderReplaced } : {};
    const metadata = {
      namespace,
      name,
      labels: { ...wanted.labels, ...labels, ...mark },
      annotations: { ...wanted.annotations, ...repeated, ...replaced, ...annotations, ...adopted },
    };
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': encode(chainPem), 'tls.key': encode(keyPem) },
    };
    const options = { fieldManager, dryRun };
    return this.#client.call(signal, (api) => {
      if (existing === undefined) return api.create(secrets, namespace, { ...body, metadata }, options);
      // With both the API server applies to exactly the assessed object, or answers 409.
      const { uid, resourceVersion } = existing;
      const assessed = { ...body, metadata: { ...metadata, uid, resourceVersion } };
      return api.patch(secrets, { namespace, name }, 'apply', assessed, options);
    });
  }
}

function identityOf(secret: Pick<Secret, 'metadata'>, namespace: string, name: string): SecretVersion {
  const { uid, resourceVersion } = secret.metadata ?? {};
  if (uid === undefined || resourceVersion === undefined) {
    throw new KubernetesError(
      'InvalidResponse',
      `Secret ${namespace}/${name} came without uid or resourceVersion`,
    );
  }
  return { uid, resourceVersion };
}

function encode(pem: string | Buffer): string {
  return Buffer.from(pem).toString('base64');
}

function decode(base64: string | undefined): Buffer | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}
