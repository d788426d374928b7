import { createHash } from 'node:crypto';
import type { KubernetesClient } from '../../../kubernetes/client/client.ts';
import { dnsEndpoints } from '../../../kubernetes/client/collections.ts';
import { isDenied, KubernetesError, unless } from '../../../kubernetes/client/kubernetes-error.ts';
import { retryConflicts } from '../../../kubernetes/client/retry-conflicts.ts';
import { fieldManager } from '../../../kubernetes/records/managed-by.ts';
import { newMetadata, type ObjectMetadata } from '../../../kubernetes/records/object-metadata.ts';
import { arrayField, recordField } from '../../../process/json.ts';
import type { Clock } from '../../../time/clock.ts';
import { type ChallengeValue, type DnsProvider, ProviderError } from './provider.ts';

export interface ExternalDnsOptions {
  readonly client: Pick<KubernetesClient, 'call'>;
  /** Ours: the DNSEndpoints are there. */
  readonly namespace: string;
  readonly metadata: ObjectMetadata;
  readonly clock: Clock;
}

/** Seconds. */
const ttl = 60;

/**
 * external-dns (0.22 or newer) writes what a DNSEndpoint says, so that we need no credentials of the DNS. All values of a record stand in
 * one object, because external-dns takes one object for each name.
 */
export class ExternalDnsProvider implements DnsProvider {
  readonly #options: ExternalDnsOptions;

  constructor(options: ExternalDnsOptions) {
    this.#options = options;
  }

  async check(record: ChallengeValue['record'], signal: AbortSignal): Promise<void> {
    await this.#told(() => this.#read(nameOf(record), signal));
  }

  add({ record, value }: ChallengeValue, signal: AbortSignal): Promise<void> {
    return this.#change(record, (values) => new Set([...values, value]), signal);
  }

  remove({ record, value }: ChallengeValue, signal: AbortSignal): Promise<void> {
    return this.#change(record, (values) => new Set([...values].filter((one) => one !== value)), signal);
  }

  async #change(
    record: ChallengeValue['record'],
    change: (values: ReadonlySet<string>) => ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const name = nameOf(record);
    const { clock } = this.#options;
    await this.#told(() =>
      retryConflicts(() => this.#changeOnce(name, record, change, signal), `DNSEndpoint ${name} is`, {
        clock,
        signal,
      }),
    );
  }

  async #changeOnce(
    name: string,
    record: ChallengeValue['record'],
    change: (values: ReadonlySet<string>) => ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, namespace, metadata } = this.#options;
    const found = await this.#read(name, signal);
    const before = targetsOf(found);
    const after = change(before);
    if (after.size === before.size) return;
    const present = recordField(found, 'metadata');
    if (after.size === 0) {
      const { uid, resourceVersion } = present ?? {};
      const preconditions = { uid: String(uid), resourceVersion: String(resourceVersion) };
      await unless('NotFound', () =>
        client.call(signal, (api) => api.delete(dnsEndpoints, { namespace, name }, preconditions)),
      );
      return;
    }
    const endpoint = {
      dnsName: record.name,
      recordType: 'TXT',
      recordTTL: ttl,
      targets: [...after],
    };
    const body = {
      apiVersion: dnsEndpoints.apiVersion,
      kind: 'DNSEndpoint',
      metadata: present ?? newMetadata(namespace, name, metadata),
      spec: { endpoints: [endpoint] },
    };
    await client.call(signal, async (api) => {
      if (present !== undefined) {
        await api.replace(dnsEndpoints, { namespace, name }, body, { fieldManager });
        return;
      }
      const made = await unless('AlreadyExists', () =>
        api.create(dnsEndpoints, namespace, body, { fieldManager }),
      );
      if (made === undefined)
        throw new KubernetesError('Conflict', `DNSEndpoint ${name} was created by another client`);
    });
  }

  #read(name: string, signal: AbortSignal): Promise<unknown> {
    const { client, namespace } = this.#options;
    return unless('NotFound', () =>
      client.call(signal, (api) => api.read(dnsEndpoints, { namespace, name })),
    );
  }

  /** @throws ProviderError if the API server does not let us, or does not know such objects */
  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      const { namespace } = this.#options;
      if (isDenied(error)) {
        const remedy = 'Apply deploy/components/dns-01/external-dns.';
        throw new ProviderError(
          'refused',
          `DNSEndpoints in namespace ${namespace} may not be written.`,
          remedy,
          { cause: error },
        );
      }
      if (error.status === 404) {
        const remedy =
          'Install external-dns 0.22 or newer with its CRD, and run it with --source=crd, --policy=sync and TXT among --managed-record-types.';
        throw new ProviderError(
          'refused',
          'The API server knows no DNSEndpoints (externaldns.k8s.io/v1alpha1).',
          remedy,
          { cause: error },
        );
      }
      throw error;
    }
  }
}

/** Of its only endpoint; in external-dns's form a value may be quoted. */
function targetsOf(object: unknown): ReadonlySet<string> {
  const [endpoint] = arrayField(recordField(object, 'spec'), 'endpoints');
  const targets = arrayField(endpoint, 'targets').filter((target) => typeof target === 'string');
  return new Set(targets.map((target) => target.replace(/^"(.*)"$/, '$1')));
}

function nameOf({ name }: ChallengeValue['record']): string {
  return `kube-lego-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}
