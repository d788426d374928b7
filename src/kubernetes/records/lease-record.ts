import { oneLine } from '../../../machines/reasons/foreign-text.ts';
import { second } from '../../../machines/time/durations.ts';
import type { LeaseState, LeaseStore } from '../../leadership/leader-election.ts';
import { recordField, stringField } from '../../process/json.ts';
import type { Lease } from '../client/api-objects.ts';
import type { KubernetesClient } from '../client/client.ts';
import { leases } from '../client/collections.ts';
import { GuardedObject } from './guarded-object.ts';
import type { ObjectMetadata } from './object-metadata.ts';
import type { RecordObserver } from './record-observer.ts';

const name = 'kube-lego';
/** A name of a pod, or of a host with a UUID. */
const longestIdentity = 300;
/** An int32: more is refused, and nobody could lead. */
const mostTransitions = 2 ** 31 - 1;

/** The Lease of the process that leads (coordination.k8s.io/v1). Throws KubernetesError or the signal's reason. */
export class KubernetesLease implements LeaseStore {
  readonly #lease: GuardedObject<Lease>;

  constructor(
    client: Pick<KubernetesClient, 'call'>,
    namespace: string,
    metadata?: ObjectMetadata,
    observer?: RecordObserver,
  ) {
    const collection = leases;
    this.#lease = new GuardedObject({
      client,
      collection,
      kind: 'Lease',
      namespace,
      name,
      metadata,
      observer,
    });
  }

  get name(): string {
    return this.#lease.name;
  }

  async read(signal: AbortSignal): Promise<LeaseState | undefined> {
    const found = await this.#lease.read(signal);
    if (found === undefined) return undefined;
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

  async write(lease: LeaseState, signal: AbortSignal): Promise<void> {
    const spec = {
      holderIdentity: lease.holder,
      leaseDurationSeconds: Math.max(1, Math.round(lease.duration / second)),
      renewTime: microTime(lease.renewedAt),
      acquireTime: microTime(lease.acquiredAt),
      leaseTransitions: Math.min(lease.transitions, mostTransitions),
    };
    const apiVersion = 'coordination.k8s.io/v1';
    await this.#lease.write((metadata) => ({ apiVersion, kind: 'Lease', metadata, spec }), signal);
  }
}

function countOf(value: unknown): number | undefined {
  return Number.isInteger(value) && Number(value) >= 0 ? Number(value) : undefined;
}

function timeOf(time: unknown): number {
  const at = Date.parse(String(time));
  return Number.isNaN(at) ? 0 : at;
}

/** With six digits of a second: the API server takes no other number of them for a MicroTime. */
function microTime(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z');
}
