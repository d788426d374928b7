import { sourceName } from '../ownership/source-key.ts';
import { failureKind } from '../reasons/reasons.ts';
import { shownFailure } from '../reasons/status-text.ts';
import { earliest } from '../time/earliest.ts';
import { findingsOf } from './certificate-record.ts';
import { attentionTime, type IngressContext, type IngressState, wakeTime } from './ingress-context.ts';

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
  /** The earliest expiry of its good certificates. */
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
  const ends = certificates.map(({ status }) => (status.kind === 'good' ? status.notAfter : undefined));
  return {
    ingress: sourceName(key),
    hosts: certificates.flatMap(({ desired }) => desired.hosts.map(({ host }) => host)),
    state,
    since,
    next: nextStepOf(state, context),
    problems: findings.filter((finding) => failureKind(finding) !== 'notice').map(shownFailure),
    notices: findings.filter((finding) => failureKind(finding) === 'notice').map(shownFailure),
    notAfter: earliest(ends),
  };
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
  if (action !== undefined) return { action, at: undefined };
  const at = wakeTime(context);
  const record = context.certificates.find(
    (certificate) => at !== undefined && attentionTime(certificate) === at,
  );
  if (record === undefined) return { action: 'check', at };
  const { secretName } = record.desired;
  return { action: record.status.kind === 'good' ? `renew ${secretName}` : `retry ${secretName}`, at };
}
