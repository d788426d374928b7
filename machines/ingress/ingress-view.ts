import { sourceName } from '../ownership/source-key.ts';
import { describeFailure, failureKind } from '../reasons/reasons.ts';
import { findingsOf } from './hold.ts';
import { attentionTime, type IngressContext, type IngressState, wakeTime } from './ingress-context.ts';

/** One Ingress as a person looks at it. Times in milliseconds since the epoch. */
export interface IngressView {
  /** Its name, with its kind where that is another one. */
  readonly ingress: string;
  readonly hosts: readonly string[];
  readonly state: IngressState;
  readonly since: number;
  readonly next: { readonly action: string; readonly at: number | undefined };
  /** What has failed, and what to do. */
  readonly problems: readonly string[];
  /** What people should know besides. */
  readonly notices: readonly string[];
  /** The earliest end of its certificates. */
  readonly notAfter: number | undefined;
}

const working: Partial<Record<IngressState, string>> = {
  checking: 'read the Secrets',
  queued: 'wait for admission',
  'provisioning-challenge': 'check that the hosts reach us',
  validating: 'prove the hosts to the CA',
  storing: 'write the Secret',
};

export function viewOf(state: IngressState, context: IngressContext): IngressView {
  const { key, certificates, notices, since } = context;
  const findings = [...notices, ...certificates.flatMap(findingsOf)];
  const ends = certificates.flatMap(({ status }) => (status.kind === 'good' ? [status.notAfter] : []));
  return {
    ingress: sourceName(key),
    hosts: certificates.flatMap(({ desired }) => desired.hosts.map(({ host }) => host)),
    state,
    since,
    next: nextStepOf(state, context),
    problems: findings.filter((finding) => failureKind(finding) !== 'notice').map(describeFailure),
    notices: findings.filter((finding) => failureKind(finding) === 'notice').map(describeFailure),
    notAfter: ends.length === 0 ? undefined : Math.min(...ends),
  };
}

/** What is done next, and when, as far as it is known. */
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
