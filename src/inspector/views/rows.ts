// What the page is sent: rows, details, the supervisor's view and the renewals ahead, each made of a snapshot. Called by the inspector.

import type { CertificateRecord } from '../../../machines/ingress/certificate-record.ts';
import { findingsOf } from '../../../machines/ingress/certificate-record.ts';
import type { IngressContext, IngressState } from '../../../machines/ingress/ingress-context.ts';
import { nextStepOf } from '../../../machines/ingress/ingress-view.ts';
import { allHosts } from '../../../machines/ownership/desired-certificate.ts';
import { type Failure, failureKind } from '../../../machines/reasons/reasons.ts';
import { shownFailure } from '../../../machines/reasons/status-text.ts';
import type { ObservedIngress } from '../../actors/ingress-actors.ts';
import type { CertificateRow, IngressRow } from '../protocol.ts';

/** An Ingress as a row of the list; times in milliseconds since the epoch. */
export function rowOf(state: IngressState, context: IngressContext): IngressRow {
  const { key, uid, since, notices, certificates } = context;
  const next = nextStepOf(state, context);
  const error = errorOf([...notices, ...certificates.flatMap(findingsOf)]);
  return {
    key,
    uid,
    state,
    since,
    hosts: certificates.flatMap(({ desired }) => allHosts(desired)),
    next: { action: next.action, ...(next.at === undefined ? {} : { at: next.at }) },
    ...(error === undefined ? {} : { error }),
  };
}

/** Rows as JSON, cached until the Ingress changes: each state that is entered makes another context. */
export class RowTexts {
  #texts = new WeakMap<IngressContext, string>();

  of(actor: ObservedIngress): string {
    const { value, context } = actor.getSnapshot();
    const text = this.#texts.get(context) ?? JSON.stringify(rowOf(value, context));
    this.#texts.set(context, text);
    return text;
  }

  clear(): void {
    this.#texts = new WeakMap();
  }
}

export function certificateRowOf({ desired, servesUntil, status }: CertificateRecord): CertificateRow {
  return {
    secret: desired.secretName,
    state: status.kind === 'working' ? status.phase : status.kind,
    ...(servesUntil === undefined ? {} : { notAfter: servesUntil }),
    ...(status.kind === 'good' ? { renewAt: status.renewAt } : {}),
  };
}

/** The first that is not a notice. */
export function errorOf(findings: readonly Failure[]): IngressRow['error'] {
  const failure = findings.find((finding) => failureKind(finding) !== 'notice');
  if (failure === undefined) return undefined;
  return { code: failure.code, message: shownFailure(failure) };
}
