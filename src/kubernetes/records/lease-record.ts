import { type V1Lease, V1MicroTime } from '@kubernetes/client-node';
import { oneLine } from '../../../machines/reasons/foreign-text.ts';
import { second } from '../../../machines/time/durations.ts';
import type { Lease, LeaseStore } from '../../leadership/leader-election.ts';
import { recordField, stringField } from '../../process/json.ts';
import type { KubernetesClient } from '../client/client.ts';
import { GuardedObject } from './guarded-object.ts';
import { fieldManager } from './managed-by.ts';
import type { ObjectMetadata } from './object-metadata.ts';
import type { RecordObserver } from './record-observer.ts';

const name = 'kube-lego';
/** A name of a pod, or of a host with a UUID. */
const longestIdentity = 300;
/** An int32: more is refused, and nobody could lead. */
const mostTransitions = 2 ** 31 - 1;

/** The Lease of the process that leads (coordination.k8s.io/v1). Throws KubernetesError or the signal's reason. */
export class KubernetesLease implements LeaseStore {
  readonly #lease: GuardedObject<V1Lease>;

  constructor(
    client: Pick<KubernetesClient, 'call'>,
    namespace: string,
    metadata?: ObjectMetadata,
    observer?: RecordObserver,
  ) {
    const requests = {
      read: ({ coordination }: KubernetesClient) => coordination.readNamespacedLease({ namespace, name }),
      create: ({ coordination }: KubernetesClient, body: V1Lease) =>
        coordination.createNamespacedLease({ namespace, body, fieldManager }),
      replace: ({ coordination }: KubernetesClient, body: V1Lease) =>
        coordination.replaceNamespacedLease({ namespace, name, body, fieldManager }),
    };
    this.#lease = new GuardedObject({ client, kind: 'Lease', namespace, name, metadata, requests, observer });
  }

  get name(): string {
    return this.#lease.name;
  }

  async read(signal: AbortSignal): Promise<Lease | undefined> {
    const found = await this.#lease.read(signal);
    if (found === undefined) return undefined;
    // client-node looks at no types.
    const spec = recordField(found, 'spec');
    const { acquireTime, leaseDurationSeconds = 0, leaseTransitions, renewTime } = spec ?? {};
    return {
      holder: oneLine(stringField(spec, 'holderIdentity') ?? '', longestIdentity),
      // Of no length that can be read: as long as it may be.
      duration: (countOf(leaseDurationSeconds) ?? Number.POSITIVE_INFINITY) * second,
      renewedAt: timeOf(renewTime),
      acquiredAt: timeOf(acquireTime),
      transitions: countOf(leaseTransitions) ?? 0,
    };
  }

  async write(lease: Lease, signal: AbortSignal): Promise<void> {
    const spec = {
      holderIdentity: lease.holder,
      leaseDurationSeconds: Math.max(1, Math.round(lease.duration / second)),
      renewTime: new V1MicroTime(lease.renewedAt),
      acquireTime: new V1MicroTime(lease.acquiredAt),
      leaseTransitions: Math.min(lease.transitions, mostTransitions),
    };
    const apiVersion = 'coordination.k8s.io/v1';
    await this.#lease.write((metadata) => ({ apiVersion, kind: 'Lease', metadata, spec }), signal);
  }
}

function countOf(value: unknown): number | undefined {
  return Number.isInteger(value) && Number(value) >= 0 ? Number(value) : undefined;
}

/** Against its type, client-node reads a micro time as a string. */
function timeOf(time: unknown): number {
  const at = Date.parse(time instanceof Date ? time.toISOString() : String(time));
  return Number.isNaN(at) ? 0 : at;
}
