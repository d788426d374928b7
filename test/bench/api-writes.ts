import { type AuditRecord, readAuditLog } from '../../deploy/local/audit-log.ts';

/** API writes of the controller. */
export interface ApiWrites {
  readonly secrets: number;
  readonly challengeIngresses: number;
  /** Annotations of the users' Ingresses. */
  readonly statuses: number;
  readonly events: number;
  readonly others: number;
  readonly total: number;
  /** Not in the total, because they change nothing. */
  readonly dryRuns: number;
  /** Not in the total: access reviews, which are sent as creates. */
  readonly reviews: number;
}

const controller = 'system:serviceaccount:kube-lego:kube-lego';
const ownNamespace = 'kube-lego';
const writes: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/**
 * Counts the controller's requests since a time, including refused ones.
 * @param since milliseconds since the epoch
 */
export async function apiWritesSince(auditLog: string, since: number): Promise<ApiWrites> {
  const records = (await readAuditLog(auditLog)).filter(
    ({ user, verb, receivedAt }) => user === controller && writes.has(verb) && receivedAt >= since,
  );
  const isReview = ({ resource }: AuditRecord): boolean => resource.endsWith('reviews');
  // The Lease is renewed as time goes by, whatever is issued.
  const real = records.filter(
    (record) => !record.dryRun && !isReview(record) && record.resource !== 'leases',
  );
  const count = (resource: string): number => real.filter((record) => record.resource === resource).length;
  const [secrets, ingresses, events] = [count('secrets'), count('ingresses'), count('events')];
  const challengeIngresses = real.filter(
    ({ resource, namespace }) => resource === 'ingresses' && namespace === ownNamespace,
  ).length;
  return {
    secrets,
    challengeIngresses,
    statuses: ingresses - challengeIngresses,
    events,
    others: real.length - secrets - ingresses - events,
    total: real.length,
    dryRuns: records.filter(({ dryRun }) => dryRun).length,
    reviews: records.filter(isReview).length,
  };
}

/** Such as `1 Secret, 2 challenge Ingress, 1 Event`. */
export function describeWrites(written: ApiWrites): string {
  const { secrets, challengeIngresses, statuses, events, others, dryRuns } = written;
  const parts = [
    [secrets, 'Secret'],
    [challengeIngresses, 'challenge Ingress'],
    [statuses, 'status'],
    [events, 'Event'],
    [others, 'other'],
  ] as const;
  const named = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return `${named.join(', ') || 'none'}; apart: ${dryRuns} dry runs`;
}
