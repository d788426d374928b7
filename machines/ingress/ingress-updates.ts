import type { Assessment } from '../assessment/assessment.ts';
import { renewalTime } from '../assessment/renewal.ts';
import type { Hold } from '../ledger/ledger.ts';
import type { Assignment } from '../ownership/desired-certificate.ts';
import type { SourceKey } from '../ownership/source-key.ts';
import type { Failure } from '../reasons/reasons.ts';
import { retryMark } from '../reasons/status-text.ts';
import { hour, second } from '../time/durations.ts';
import { nextBeat } from '../time/spread.ts';
import type { CertificateOutcome, CertificatePhase } from './certificate.ts';
import {
  type CertificateRecord,
  fail,
  isAboutReturn,
  isLoss,
  lost,
  noFailures,
  stored,
  unchecked,
  withoutBackoff,
} from './certificate-record.ts';
import { type IngressContext, type IngressPolicy, isChecked } from './ingress-context.ts';
import { planRound } from './round-plan.ts';
import type { StatusDocument } from './status.ts';
import { restoredOutcome } from './status-restore.ts';

export interface IngressInput {
  readonly key: SourceKey;
  readonly uid: string;
  readonly assignment: Assignment;
  readonly policy: IngressPolicy;
  /** What was said of it before this process, where that is more than that all is good; undefined if nothing can be understood. */
  readonly status?: StatusDocument | undefined;
  /** What was said of it before this process is that all its Secrets hold good certificates. */
  readonly certified?: boolean;
  readonly at: number;
}

/** What the reading of one Secret came to: judged, or the API server did not let it be read. */
export type CheckResult =
  | {
      readonly kind: 'assessed';
      readonly secretName: string;
      readonly assessment: Assessment;
      /** When the CA is to be asked again for the time of its renewal, in milliseconds since the epoch. */
      readonly askAt?: number | undefined;
    }
  | { readonly kind: 'unavailable'; readonly secretName: string; readonly failure: Failure };

const retriesPerHour = 3;
/** Milliseconds from the end of a round to the look at its Secret that was called for during the round. */
const lookDelay = second;

export function initialIngressContext(input: IngressInput): IngressContext {
  const { key, uid, assignment, policy, status, certified, at } = input;
  const { retry } = assignment;
  const said = status?.ingress === uid ? status : undefined;
  const retried = retry !== undefined && said !== undefined && retryMark(retry) !== said.retry;
  return {
    key,
    uid,
    policy,
    notices: assignment.notices,
    certificates: assignment.desired.map((desired) => ({
      ...unchecked(desired),
      certified,
      ...restoredOutcome(status, { uid, retry, at }, desired),
    })),
    at,
    since: at,
    nextCheckAt: undefined,
    // Taken away while nobody watched and put back it is the same value.
    retry: retry ?? said?.retry,
    retriedAt: retried ? [at] : [],
    rounds: 0,
  };
}

/** It is time for a check; of what is being worked on, when its round has ended. */
export function applyWake(context: IngressContext, at: number): IngressContext {
  const certificates = context.certificates.map((record) =>
    record.status.kind === 'working'
      ? { ...record, status: { ...record.status, woken: true } as const }
      : record,
  );
  return { ...context, at, certificates, nextCheckAt: undefined };
}

/**
 * A new assignment. A Secret of which the same is wanted as before keeps its round, which may have cost an order, and its
 * back-off; one of which anything else is wanted starts over. A new value of `kube-lego.io/retry` ends the back-off of
 * what has failed, and the wait of what waits; it ends no round that is under way.
 */
export function applyAssignment(context: IngressContext, assignment: Assignment, at: number): IngressContext {
  const recent = context.retriedAt.filter((time) => time > at - hour);
  const retries = assignment.retry !== undefined && assignment.retry !== context.retry;
  const reset = retries && recent.length < retriesPerHour;
  const certificates = assignment.desired.map((desired): CertificateRecord => {
    const before = context.certificates.find((record) => record.desired.secretName === desired.secretName);
    if (before === undefined || JSON.stringify(before.desired) !== JSON.stringify(desired)) {
      return unchecked(desired);
    }
    return reset ? withoutBackoff(before, at) : before;
  });
  return {
    ...context,
    notices: assignment.notices,
    certificates,
    at,
    nextCheckAt: undefined,
    // Taken away and put back it is the same value.
    retry: assignment.retry ?? context.retry,
    retriedAt: reset ? [...recent, at] : recent,
  };
}

/** What a check found: who is due gets a round, unless its back-off has time left. */
export function applyAssessments(
  context: IngressContext,
  results: readonly CheckResult[],
  at: number,
): IngressContext {
  let { rounds } = context;
  const certificates = context.certificates.map((record) => {
    const result = results.find(({ secretName }) => secretName === record.desired.secretName);
    if (result === undefined) return record;
    const waits = record.status.kind === 'failed' && (record.status.nextAttemptAt ?? 0) > at;
    if (result.kind === 'unavailable') return waits ? record : fail(context, record, result.failure, at);
    const { assessment } = result;
    switch (assessment.kind) {
      case 'good': {
        const { notAfter, renewAt, notices } = assessment;
        return {
          ...record,
          status: { kind: 'good', notAfter, renewAt, askAt: result.askAt },
          failures: noFailures,
          failing: undefined,
          passed: undefined,
          certified: true,
          notices,
        } as const;
      }
      case 'refused':
        return { ...fail(context, record, assessment.failure, at), notices: assessment.notices };
      case 'due': {
        if (waits && !(isAboutReturn(record) && assessment.reason !== 'host-left-out')) return record;
        const counted = isLoss(record, assessment.reason, at) ? lost(context, record, at) : record;
        if (counted !== record && counted.status.kind === 'failed') return counted;
        rounds += 1;
        const round = planRound(context, counted, assessment, rounds, at);
        return {
          ...counted,
          status: { kind: 'working', phase: 'queued', since: at, round },
          certified: record.certified === true || assessment.serving !== undefined,
          notices: assessment.notices,
        } as const;
      }
      default:
        return assessment satisfies never;
    }
  });
  return {
    ...context,
    at,
    certificates,
    rounds,
    nextCheckAt: nextBeat(context.uid, context.policy.checkInterval, at),
  };
}

export function applyPhase(
  context: IngressContext,
  secretName: string,
  phase: CertificatePhase,
  at: number,
): IngressContext {
  return withRecord(context, secretName, at, (record) =>
    record.status.kind === 'working'
      ? { ...record, status: { ...record.status, phase, since: at, hold: undefined } }
      : record,
  );
}

/** A limit of the CA, or its trouble, keeps a round waiting before its order is made. */
export function applyHold(
  context: IngressContext,
  secretName: string,
  hold: Hold,
  at: number,
): IngressContext {
  return withRecord(context, secretName, at, (record) =>
    record.status.kind === 'working' ? { ...record, status: { ...record.status, hold } } : record,
  );
}

export function applyOutcome(
  context: IngressContext,
  secretName: string,
  outcome: CertificateOutcome,
  at: number,
): IngressContext {
  const woken = context.certificates.some(
    ({ desired, status }) =>
      desired.secretName === secretName && status.kind === 'working' && status.woken === true,
  );
  const next = withRecord(context, secretName, at, (record) => {
    if (outcome.kind === 'failed') return fail(context, record, outcome.failure, at);
    const { notAfter } = outcome.validity;
    const { window } = outcome.validity;
    const askAt = woken ? at + lookDelay : outcome.validity.askAt;
    const renewAt = renewalTime(outcome.validity, context.policy.minimumValidity, window);
    if (renewAt <= at) {
      // Without back-off it would be ordered again and again.
      const message = `The CA issued a certificate for Secret ${secretName} that has to be renewed at once: it ends at ${new Date(notAfter).toISOString()}.`;
      return fail(context, record, { code: 'CertificateRejected', message }, at);
    }
    return stored(record, { notAfter, renewAt, askAt });
  });
  // Somebody may have put a good certificate in by hand while this one could not be had.
  return woken && outcome.kind === 'failed' && isChecked(next)
    ? { ...next, nextCheckAt: at + lookDelay }
    : next;
}

function withRecord(
  context: IngressContext,
  secretName: string,
  at: number,
  change: (record: CertificateRecord) => CertificateRecord,
): IngressContext {
  const certificates = context.certificates.map((record) =>
    record.desired.secretName === secretName ? change(record) : record,
  );
  return { ...context, at, certificates };
}
