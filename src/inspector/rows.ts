import { findingsOf } from '../../machines/hold.ts';
import type { CertificateRecord, IngressContext, IngressState } from '../../machines/ingress-context.ts';
import { viewOf } from '../../machines/ingress-view.ts';
import { describeFailure, type Failure, failureKind } from '../../machines/reasons.ts';
import type { CertificateRow, IngressRow } from './protocol.ts';

/** An Ingress as a row of the list; times in milliseconds since the epoch. */
export function rowOf(state: IngressState, context: IngressContext): IngressRow {
  const { ingress: key, hosts, since, next } = viewOf(state, context);
  const { uid, notices, certificates } = context;
  const error = errorOf([...notices, ...certificates.flatMap(findingsOf)]);
  return {
    key,
    uid,
    state,
    since,
    hosts,
    next: { action: next.action, ...(next.at === undefined ? {} : { at: next.at }) },
    ...(error === undefined ? {} : { error }),
    certificates: certificates.map(certificateRowOf),
  };
}

export function certificateRowOf({ desired, status }: CertificateRecord): CertificateRow {
  const notAfter = status.kind === 'good' || status.kind === 'failed' ? status.notAfter : undefined;
  return {
    secret: desired.secretName,
    state: status.kind === 'working' ? status.phase : status.kind,
    ...(notAfter === undefined ? {} : { notAfter }),
    ...(status.kind === 'good' ? { renewAt: status.renewAt } : {}),
  };
}

/** The first of them that is no mere notice. */
export function errorOf(findings: readonly Failure[]): IngressRow['error'] {
  const failure = findings.find((finding) => failureKind(finding) !== 'notice');
  return failure === undefined ? undefined : { code: failure.code, message: describeFailure(failure) };
}
