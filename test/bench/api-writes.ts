import { type AuditRecord, readAuditLog } from '../../deploy/local/audit-log.ts';

/** API writes of the controller. */
export interface ApiWrites {
  /** Of the users. */
  readonly secrets: number;
  readonly journal: number;
  readonly challengeIngresses: number;
  /** Annotations of the users' Ingresses. */
  readonly statuses: number;
  readonly events: number;
  /** The ConfigMaps of kube-lego: holders, ledger. */
  readonly records: number;
  readonly others: number;
  readonly total: number;
  /** Of the total, what nobody waits for: the records, and the journal after the last Secret of a user. */
  readonly behind: number;
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
  const requests = (await readAuditLog(auditLog)).filter(
    ({ user, verb, receivedAt }) => user === controller && writes.has(verb) && receivedAt >= since,
  );
  const isReview = ({ resource }: AuditRecord): boolean => resource.endsWith('reviews');
  // The Lease is renewed as time goes by, whatever is issued.
  const real = requests.filter(
    (record) => !record.dryRun && !isReview(record) && record.resource !== 'leases',
  );
  const of = (resource: string, isOwn: boolean): readonly AuditRecord[] =>
    real.filter((record) => record.resource === resource && (record.namespace === ownNamespace) === isOwn);
  const [secrets, journal] = [of('secrets', false), of('secrets', true)];
  const [statuses, challengeIngresses] = [of('ingresses', false), of('ingresses', true)];
  const [events, records] = [of('events', false), of('configmaps', true)];
  const stored = Math.max(...secrets.map(({ receivedAt }) => receivedAt));
  const named = [secrets, journal, statuses, challengeIngresses, events, records];
  return {
    secrets: secrets.length,
    journal: journal.length,
    challengeIngresses: challengeIngresses.length,
    statuses: statuses.length,
    events: events.length,
    records: records.length,
    others: real.length - named.flat().length,
    total: real.length,
    behind: records.length + journal.filter(({ receivedAt }) => receivedAt > stored).length,
    dryRuns: requests.filter(({ dryRun }) => dryRun).length,
    reviews: requests.filter(isReview).length,
  };
}

/** Such as `1 Secret, 2 challenge Ingress, 1 Event`. */
export function describeWrites(written: ApiWrites): string {
  const { secrets, journal, challengeIngresses, statuses, events, records, others, dryRuns } = written;
  const parts = [
    [secrets, 'Secret'],
    [journal, 'journal'],
    [challengeIngresses, 'challenge Ingress'],
    [statuses, 'status'],
    [events, 'Event'],
    [records, 'record'],
    [others, 'other'],
  ] as const;
  const named = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return `${named.join(', ') || 'none'}; apart: ${dryRuns} dry runs`;
}
