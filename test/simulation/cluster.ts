import type { CertificateFacts, SecretVersion } from '../../machines/assessment/secret-facts.ts';
import { type SourceKey, sourceKey } from '../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../machines/ownership/source-spec.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';
import { readCertificate } from '../../src/certificate/reading.ts';
import { KubernetesError } from '../../src/kubernetes/client/kubernetes-error.ts';
import { managedByLabel } from '../../src/kubernetes/records/managed-by.ts';
import { type CertificateToStore, type StoredSecret } from '../../src/kubernetes/records/secret-store.ts';
import type { LedgerStore } from '../../src/ledger/ledger-keeper.ts';
import { SharedJournal } from '../journal/shared-journal.ts';
import { SharedDocuments } from '../ownership/shared-documents.ts';

/** A certificate in a Secret. */
export type HeldCertificate = Extract<CertificateFacts, { kind: 'readable' }>;

/** Everything that outlives a controller: Ingresses with their status, Secrets, the documents of the ledger and of holders, the journal of orders. */
export class Cluster {
  readonly ingresses = new Map<SourceKey, SourceSpec>();
  /** Documents and characters of the ledger that were written. */
  readonly ledgerWrites = { count: 0, characters: 0 };
  readonly holders = new SharedDocuments();
  readonly orders = new SharedJournal();
  /** How many Events there were, by reason. */
  readonly events = new Map<string, number>();
  /** The controller that watches. */
  watcher: ((event: SupervisorEvent) => void) | undefined;
  /** Told of each certificate that comes to lie in a Secret. */
  onStored: ((secret: string, certificate: HeldCertificate) => void) | undefined;
  readonly #secrets = new Map<string, StoredSecret>();
  readonly #ledger = new SharedDocuments();
  #version = 0;

  addIngress(ingress: SourceSpec): void {
    this.ingresses.set(sourceKey(ingress), ingress);
    this.watcher?.({ type: 'SOURCE_OBSERVED', source: ingress });
  }

  setStatus(key: SourceKey, uid: string, status: string | undefined): void {
    const ingress = this.ingresses.get(key);
    if (ingress?.uid === uid) this.addIngress({ ...ingress, status });
  }

  countEvent(reason: string): void {
    this.events.set(reason, (this.events.get(reason) ?? 0) + 1);
  }

  /** @param name `namespace/name` */
  certificate(name: string): HeldCertificate | undefined {
    const secret = this.#secrets.get(name);
    const facts = readCertificate(secret?.certificatePem, secret?.keyPem);
    return facts.kind === 'readable' ? facts : undefined;
  }

  read(namespace: string, name: string): StoredSecret | undefined {
    return this.#secrets.get(`${namespace}/${name}`);
  }

  write(
    namespace: string,
    name: string,
    existing: SecretVersion | undefined,
    { chainPem, keyPem, annotations }: CertificateToStore,
  ): SecretVersion {
    const key = `${namespace}/${name}`;
    const before = this.#secrets.get(key);
    if (before?.resourceVersion !== existing?.resourceVersion || before?.uid !== existing?.uid) {
      throw new KubernetesError(existing === undefined ? 'AlreadyExists' : 'Conflict', `PUT Secret ${key}`);
    }
    this.#version += 1;
    const secret = {
      uid: before?.uid ?? `uid of ${key}`,
      resourceVersion: String(this.#version),
      type: 'kubernetes.io/tls',
      immutable: false,
      certificatePem: Buffer.from(chainPem),
      keyPem: Buffer.from(keyPem),
      annotations: { ...before?.annotations, ...annotations },
      labels: { [managedByLabel.key]: managedByLabel.value },
    };
    this.#secrets.set(key, secret);
    const stored = this.certificate(key);
    if (stored !== undefined) this.onStored?.(key, stored);
    return secret;
  }

  annotate(
    namespace: string,
    name: string,
    judged: SecretVersion,
    annotations: Readonly<Record<string, string>>,
  ): SecretVersion {
    const key = `${namespace}/${name}`;
    const before = this.#secrets.get(key);
    if (before?.resourceVersion !== judged.resourceVersion) {
      throw new KubernetesError('Conflict', `PATCH Secret ${key}`);
    }
    this.#version += 1;
    const resourceVersion = String(this.#version);
    this.#secrets.set(key, {
      ...before,
      resourceVersion,
      annotations: { ...before.annotations, ...annotations },
    });
    return { uid: before.uid, resourceVersion };
  }

  /** All certificates that lie in Secrets, by `namespace/name`. */
  *certificates(): Generator<[string, HeldCertificate]> {
    for (const name of this.#secrets.keys()) {
      const certificate = this.certificate(name);
      if (certificate !== undefined) yield [name, certificate];
    }
  }

  /** Somebody deletes a Secret. */
  deleteSecret(name: string): void {
    this.#secrets.delete(name);
  }

  /** The ledger as one process sees it. */
  openLedger(): LedgerStore {
    const store = this.#ledger.open();
    return {
      read: (signal) => store.read(signal),
      write: (shard, text, signal) => {
        this.ledgerWrites.count += 1;
        this.ledgerWrites.characters += text?.length ?? 0;
        return store.write(shard, text, signal);
      },
    };
  }
}
