import { allHosts } from '../ownership/desired-certificate.ts';
import { sourceName } from '../ownership/source-key.ts';
import { type Failure, failureKind } from '../reasons/reasons.ts';
import { shownFailure } from '../reasons/status-text.ts';
import { earliest } from '../time/earliest.ts';
import { findingsOf } from './certificate-record.ts';
import {
  attentionTime,
  type IngressContext,
  type IngressState,
  recheckTime,
  wakeTime,
} from './ingress-context.ts';

/** One Ingress for display. Times in milliseconds since the epoch. */
export interface IngressView {
  /** Display name, see `sourceName`. */
  readonly ingress: string;
  readonly hosts: readonly string[];
  readonly state: IngressState;
  readonly since: number;
  readonly next: { readonly action: string; readonly at: number | undefined };
  /** Failures with remedies. */
  readonly problems: readonly string[];
  readonly notices: readonly string[];
  /** The earliest end of its certificates in use. */
  readonly notAfter: number | undefined;
}

const working: Partial<Record<IngressState, string>> = {
  checking: 'read the Secrets',
  queued: 'wait for admission',
  'provisioning-challenge': 'run the self-check',
  validating: 'validate the hosts at the CA',
  storing: 'write the Secret',
};

export function viewOf(state: IngressState, context: IngressContext): IngressView {
  const { key, certificates, notices, since } = context;
  const findings = [...notices, ...certificates.flatMap(findingsOf)];
  return {
    ingress: sourceName(key),
    hosts: certificates.flatMap(({ desired }) => allHosts(desired)),
    state,
    since,
    next: nextStepOf(state, context),
    problems: shown(findings.filter((finding) => failureKind(finding) !== 'notice')),
    notices: shown(findings.filter((finding) => failureKind(finding) === 'notice')),
    notAfter: earliest(certificates.map(({ servesUntil }) => servesUntil)),
  };
}

/** Each once: what is wrong with an Ingress is wrong with each of its Secrets. */
function shown(findings: readonly Failure[]): string[] {
  return [...new Set(findings.map(shownFailure))];
}

/** The next step, and when if known. */
export function nextStepOf(state: IngressState, context: IngressContext): IngressView['next'] {
  const action = working[state];
  if (state === 'queued' || state === 'validating') {
    const holds = context.certificates.flatMap(({ status }) =>
      status.kind === 'working' && status.hold !== undefined ? [status.hold] : [],
    );
    const [hold] = holds.toSorted((one, other) => one.until - other.until);
    if (hold !== undefined) return { action: `order when ${hold.scope} has room`, at: hold.until };
  }
  const pending = context.certificates.flatMap(({ status }) =>
    status.kind === 'working' && status.pending !== undefined ? [status.pending.code] : [],
  );
  if (pending.includes('RecordUnavailable')) {
    return { action: 'order when the record can be read and written', at: undefined };
  }
  if (state === 'validating' && pending.length > 0) {
    return { action: 'store the certificate when the CA has finished the order', at: undefined };
  }
  if (action !== undefined) return { action, at: undefined };
  const at = earliest([wakeTime(context), recheckTime(context)]);
  const record = context.certificates.find(
    (certificate) => at !== undefined && attentionTime(certificate) === at,
  );
  if (record === undefined) return { action: 'check', at };
  const { secretName } = record.desired;
  return { action: record.status.kind === 'good' ? `renew ${secretName}` : `retry ${secretName}`, at };
}
