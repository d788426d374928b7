import { certificatePhases } from '../../machines/ingress/certificate.ts';
import {
  type CertificateRecord,
  type CertificateStatus,
  countOfFailures,
  servingUntil,
} from '../../machines/ingress/certificate-record.ts';
import {
  type IngressContext,
  type IngressState,
  settledStates,
} from '../../machines/ingress/ingress-context.ts';
import { limitNames } from '../../machines/ledger/rate-limits.ts';
import { parseSourceKey } from '../../machines/ownership/source-key.ts';
import type { SampledMetric } from './catalogue.ts';
import { counts, increment, type Sample, type Samples, single } from './samples.ts';

/** An Ingress actor at the moment of the scrape. */
export interface IngressStanding {
  readonly value: IngressState;
  readonly context: IngressContext;
}

type CertificateMetric = Extract<
  SampledMetric,
  | 'ingresses'
  | 'certificates'
  | 'failingCertificates'
  | 'notAfter'
  | 'renewal'
  | 'failures'
  | 'queueLength'
  | 'queueAge'
  | 'heldOrders'
>;

const ingressStates: readonly IngressState[] = ['checking', ...settledStates];
const certificateStates = ['unchecked', 'good', 'held', ...certificatePhases, 'backing-off', 'needs-change'];
const holdCauses = [...limitNames, 'blocked', 'paused', 'unavailable', 'attempts', 'damaged'];

/**
 * Samples of the certificates, from the actors.
 *
 * @param now milliseconds since the epoch
 */
export function certificateSamples(
  ingresses: Iterable<IngressStanding>,
  now: number,
): Pick<Samples, CertificateMetric> {
  const byIngressState = new Map<string, number>();
  const byState = new Map<string, number>();
  const byReason = new Map<string, number>();
  const byCause = new Map<string, number>();
  const notAfter: Sample[] = [];
  const renewal: Sample[] = [];
  const failures: Sample[] = [];
  const seen = new Set<string>();
  let queuedSince = now;
  for (const { value: state, context } of ingresses) {
    increment(byIngressState, state);
    const { namespace } = parseSourceKey(context.key);
    for (const record of context.certificates) {
      const { status, desired } = record;
      const key = `${namespace}/${desired.secretName}`;
      // While a Secret passes from one Ingress to another both may have it, but series must be unique.
      if (seen.has(key)) continue;
      seen.add(key);
      const standing = standingOf(status);
      increment(byState, standing);
      if (status.kind === 'working' && standing === 'queued')
        queuedSince = Math.min(queuedSince, status.since);
      if (status.kind === 'failed') increment(byReason, status.failure.code);
      if (status.kind === 'working' && status.hold !== undefined) increment(byCause, status.hold.cause);

      const labels = { namespace, secret: desired.secretName };
      // Also after its end, where nothing has failed: the alert must not resolve by itself.
      const end = status.kind === 'good' ? status.notAfter : servingUntil(record, now);
      if (end !== undefined) notAfter.push({ labels, value: end / 1000 });
      if (status.kind === 'good') renewal.push({ labels, value: status.renewAt / 1000 });
      const failed = failuresOf(record);
      if (failed > 0) failures.push({ labels, value: failed });
    }
  }
  return {
    ingresses: counts('state', ingressStates, byIngressState),
    certificates: counts('state', certificateStates, byState),
    failingCertificates: counts('reason', [...byReason.keys()], byReason),
    notAfter,
    renewal,
    failures,
    queueLength: single(byState.get('queued') ?? 0),
    queueAge: single((now - queuedSince) / 1000),
    heldOrders: counts('cause', holdCauses, byCause),
  };
}

function standingOf(status: CertificateStatus): string {
  if (status.kind === 'working') return status.hold === undefined ? status.phase : 'held';
  if (status.kind === 'failed') return status.nextAttemptAt === undefined ? 'needs-change' : 'backing-off';
  return status.kind;
}

/** A Secret that was never read has not failed: it may well hold a good certificate. */
function failuresOf({ status, failures, servesUntil }: CertificateRecord): number {
  if (status.kind === 'good') return 0;
  const unread = servesUntil === undefined && failures.attempt === 0 && isUnread(status);
  if (unread) return 0;
  return Math.max(countOfFailures(failures), status.kind === 'failed' ? 1 : 0);
}

function isUnread(status: CertificateStatus): boolean {
  return (
    status.kind === 'failed' && ['ApiServerDenied', 'ApiServerUnavailable'].includes(status.failure.code)
  );
}
