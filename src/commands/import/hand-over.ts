// The writes of an import, in an order in which two controllers never see to the same Secret: first cert-manager lets go, then its
// Certificate is deleted; if it does not come back, the Secret is adopted, and last kube-lego takes up the Ingress. Whatever ends it in
// between, the site is served, and the next run goes on.

import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { type Collection, ingresses, objectPath, secrets } from '../../kubernetes/client/collections.ts';
import { unless } from '../../kubernetes/client/kubernetes-error.ts';
import {
  adoptedSecret,
  changed,
  type MetadataChanges,
  releasedIngress,
  returnedIngress,
} from './cert-manager-marks.ts';
import { type CertificateObject, certificates } from './cert-manager-objects.ts';
import type { Candidate, Planned, PlannedSecret } from './import-plan.ts';

/** Field manager of an operator's changes by it. */
const fieldManager = 'kube-lego-import';

type Group = readonly Extract<Planned, { kind: 'ready' }>[];

interface ObjectVersion {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Undefined: any. */
  readonly resourceVersion?: string | undefined;
}

export class HandOver {
  readonly #client: Pick<KubernetesClient, 'mergePatch' | 'remove'>;
  readonly #annotationKey: string;
  readonly #signal: AbortSignal;

  constructor(
    client: Pick<KubernetesClient, 'mergePatch' | 'remove'>,
    annotationKey: string,
    signal: AbortSignal,
  ) {
    this.#client = client;
    this.#annotationKey = annotationKey;
    this.#signal = signal;
  }

  /**
   * cert-manager lets go of Ingresses that share their Secrets, and has no Certificate for them, once it is known that all writes to come
   * are admitted.
   * @throws KubernetesError
   */
  async release(group: Group): Promise<void> {
    await this.#release(group, true);
    for (const { candidate, secrets: planned } of group) {
      for (const secret of planned) await this.#adopt(candidate, secret, true);
    }
    await this.#release(group, false);
  }

  /** kube-lego sees to them. @throws KubernetesError */
  async complete(group: Group): Promise<void> {
    for (const { candidate, secrets: planned } of group) {
      for (const secret of planned) await this.#adopt(candidate, secret);
    }
    const annotations = { [this.#annotationKey]: 'true' };
    for (const { candidate } of group) await this.change(ingresses, candidate, { annotations });
  }

  /** cert-manager sees to them again. @throws KubernetesError */
  async putBack(group: Group): Promise<void> {
    for (const { candidate } of group) {
      const released = releasedIngress(candidate.annotations, this.#annotationKey);
      const changes = returnedIngress(changed({}, released.annotations), this.#annotationKey);
      await this.change(ingresses, candidate, changes);
    }
  }

  async #release(group: Group, dryRun: boolean): Promise<void> {
    for (const { candidate } of group) {
      const changes = releasedIngress(candidate.annotations, this.#annotationKey);
      await this.change(ingresses, candidate, changes, dryRun);
    }
    // Who shares a Secret shares its Certificate.
    const found = new Map(group.flatMap((planned) => planned.certificates).map((one) => [one.uid, one]));
    await this.removeAll([...found.values()], dryRun);
  }

  /** Deletes Certificates, also those that are gone already. @throws KubernetesError */
  async removeAll(found: readonly CertificateObject[], dryRun = false): Promise<void> {
    for (const certificate of found) {
      const path = objectPath(certificates, certificate.namespace, certificate.name);
      await unless('NotFound', () => this.#client.remove(path, certificate, this.#signal, dryRun));
    }
  }

  #adopt({ namespace }: Candidate, { name, stored }: PlannedSecret, dryRun = false): Promise<void> {
    const { annotations, labels, uid, resourceVersion } = stored;
    const version = { namespace, name, uid, resourceVersion };
    return this.change(secrets, version, adoptedSecret(annotations, labels), dryRun);
  }

  /** Changes labels and annotations of exactly this version. @throws KubernetesError Conflict if it has changed */
  async change(
    collection: Collection,
    { namespace, name, uid, resourceVersion }: ObjectVersion,
    changes: MetadataChanges,
    dryRun = false,
  ): Promise<void> {
    const metadata = { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }), ...changes };
    const path = objectPath(collection, namespace, name);
    await this.#client.mergePatch(path, { metadata }, fieldManager, this.#signal, dryRun);
  }
}
