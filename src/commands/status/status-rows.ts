import { type CertificateEntry, entryNamed } from '../../../machines/ingress/status.ts';
import type { Assignment } from '../../../machines/ownership/desired-certificate.ts';
import { sourceKey, sourceName } from '../../../machines/ownership/source-key.ts';
import type { SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { describeFailure, type Failure, failureKind } from '../../../machines/reasons/reasons.ts';
import { decodeStatus } from '../../kubernetes/records/status-annotation.ts';
import { isLeftAlone, type SecretStanding } from '../reading/secret-standing.ts';

/** The state of a Secret of a source, or a notice about the source itself. Times are RFC 3339. */
export interface StatusRow {
  /** `NAMESPACE/NAME`; of another source than an Ingress `KIND NAMESPACE/NAME`. */
  readonly ingress: string;
  readonly secret?: string;
  /** `due`: no outcome yet; `unknown`: no outcome, and the Secret may not be read. */
  readonly state: 'good' | 'waiting' | 'due' | 'failed' | 'expired' | 'noted' | 'unknown';
  readonly hosts: readonly string[];
  readonly notAfter?: string;
  /** The next renewal or attempt. */
  readonly next?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** States that need action. */
export function needsAttention({ state }: StatusRow): boolean {
  return state === 'failed' || state === 'expired';
}

/** The entry of the status annotation that is about this Ingress and this Secret. */
export function entryOf(spec: SourceSpec, secretName: string): CertificateEntry | undefined {
  const status = decodeStatus(spec.status);
  return status?.ingress === spec.uid ? entryNamed(status.secrets, secretName) : undefined;
}

/**
 * @param standings of the Secrets without an entry in the status
 * @param now milliseconds since the epoch
 */
export function statusRows(
  spec: SourceSpec,
  assignment: Assignment,
  standings: ReadonlyMap<string, SecretStanding>,
  now: number,
): StatusRow[] {
  const ingress = sourceName(sourceKey(spec));
  const rows = assignment.desired.map((desired): StatusRow => {
    const { secretName, hosts } = desired;
    const about = { ingress, secret: secretName, hosts: hosts.map(({ host }) => host) };
    const entry = entryOf(spec, secretName);
    if (entry !== undefined) return { ...about, ...fromEntry(entry, now) };
    const standing = standings.get(secretName);
    return { ...about, ...(standing === undefined ? { state: 'unknown' } : fromStanding(standing)) };
  });
  const said = new Set(rows.map(({ message }) => message));
  const findings = assignment.notices
    .map((notice): StatusRow => ({ ingress, hosts: [], ...finding(notice) }))
    .filter(({ message }) => !said.has(message));
  if (rows.length + findings.length > 0) return [...rows, ...findings];
  const message =
    spec.gateway === true
      ? 'No listener with TLS and a Secret, so no certificate.'
      : 'No spec.tls, so no certificate.';
  return [{ ingress, state: 'noted', hosts: [], message }];
}

function fromEntry(entry: CertificateEntry, now: number) {
  const { state, notAfter, renewAt, nextAttempt, blockedUntil, reason, message } = entry;
  const expired = state === 'good' && Date.parse(notAfter ?? '') <= now;
  const next = renewAt ?? nextAttempt ?? blockedUntil;
  return {
    state: expired ? 'expired' : state,
    ...(notAfter === undefined ? {} : { notAfter }),
    ...(next === undefined ? {} : { next }),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  } as const;
}

function fromStanding(standing: SecretStanding): Pick<StatusRow, 'state'> & Partial<StatusRow> {
  if (standing.kind === 'unknown') return { state: 'unknown', message: standing.message };
  const { assessment } = standing;
  switch (assessment.kind) {
    case 'good': {
      const [notAfter, next] = [assessment.notAfter, assessment.renewAt].map((at) =>
        new Date(at).toISOString(),
      );
      const end = notAfter === undefined ? {} : { notAfter };
      if (isLeftAlone(standing)) {
        return { state: 'good', ...end, message: 'kube-lego did not create it, and never renews it.' };
      }
      return { state: 'good', ...end, ...(next === undefined ? {} : { next }) };
    }
    case 'due':
      return { state: 'due', ...endOf(assessment), message: assessment.message };
    case 'refused':
      return { ...finding(assessment.failure), ...endOf(assessment) };
    default:
      return assessment satisfies never;
  }
}

function endOf({ servesUntil }: { readonly servesUntil?: number | undefined }): Pick<StatusRow, 'notAfter'> {
  return servesUntil === undefined ? {} : { notAfter: new Date(servesUntil).toISOString() };
}

function finding(failure: Failure) {
  const state = failureKind(failure) === 'notice' ? 'noted' : 'failed';
  return { state, reason: failure.code, message: describeFailure(failure) } as const;
}
