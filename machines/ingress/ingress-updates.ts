import type { Assessment } from '../assessment/assessment.ts';
import { judgingClocks, localRenewalTime } from '../assessment/judging-time.ts';
import type { Hold } from '../ledger/hold.ts';
import {
  type Assignment,
  type DesiredCertificate,
  requestedRoutes,
} from '../ownership/desired-certificate.ts';
import { isEqual } from '../ownership/equality.ts';
import { extended } from '../ownership/extended.ts';
import type { SourceKey } from '../ownership/source-key.ts';
import type { Failure } from '../reasons/reasons.ts';
import { retryMark } from '../reasons/status-text.ts';
import { hour, second } from '../time/durations.ts';
import { nextBeat } from '../time/spread.ts';
import type { CertificateOutcome, CertificatePhase } from './certificate.ts';
import {
  type CertificateRecord,
  type CertificateStatus,
  fail,
  isAboutReturn,
  isLoss,
  lookedAt,
  lost,
  noFailures,
  stored,
  unchecked,
  withoutBackoff,
} from './certificate-record.ts';
import { type EarlierRecord, type IngressContext, type IngressPolicy, isChecked } from './ingress-context.ts';
import { planRound } from './round-plan.ts';
import type { StatusDocument } from './status.ts';
import { restoredOutcome } from './status-restore.ts';

export interface IngressInput {
  readonly key: SourceKey;
  readonly uid: string;
  readonly assignment: Assignment;
  readonly policy: IngressPolicy;
  /** The status annotation of an earlier process, unless all Secrets were good; undefined if absent or invalid. */
  readonly status?: StatusDocument | undefined;
  readonly at: number;
}

/** Result of checking one Secret; `unavailable`: the API server did not allow or answer the read. */
export type CheckResult =
  | {
      readonly kind: 'assessed';
      readonly secretName: string;
      readonly assessment: Assessment;
      /** An awaited host has appeared. */
      readonly appeared?: boolean;
    }
  | { readonly kind: 'unavailable'; readonly secretName: string; readonly failure: Failure };

const retriesPerHour = 3;
const mostEarlier = 20;
/** Milliseconds from the end of a round to a check that was requested during it. */
const recheckDelay = second;
/** One for all: a hundred thousand actors have nothing to list. */
const none: readonly never[] = [];

export function initialIngressContext(input: IngressInput): IngressContext {
  const { key, uid, assignment, policy, status, at } = input;
  const { retry } = assignment;
  const previous = status?.ingress === uid ? status : undefined;
  const retried = retry !== undefined && previous !== undefined && retryMark(retry) !== previous.retry;
  return {
    key,
    uid,
    policy,
    notices: assignment.notices,
    certificates: assignment.desired.map((desired) => ({
      ...unchecked(desired),
      ...restoredOutcome(status, { uid, retry, at }, desired),
    })),
    earlier: none,
    at,
    since: at,
    nextCheckAt: undefined,
    // Keep the old value: removed while no process ran, then restored, it is not new.
    retry: retry ?? previous?.retry,
    retriedAt: retried ? [at] : none,
    rounds: 0,
  };
}

/** Requests a check; for Secrets with a running round, after its end. */
export function applyWake(context: IngressContext, at: number): IngressContext {
  const certificates = context.certificates.map((record) =>
    record.status.kind === 'working'
      ? { ...record, status: { ...record.status, woken: true } as const }
      : record,
  );
  return { ...context, at, certificates, nextCheckAt: undefined };
}

/**
 * A new assignment. A Secret with an unchanged desired certificate keeps its round, which may have made an order, and its back-off; a
 * changed one starts over, unless it was desired within the past hour: then it goes on with the back-off that it had. A new value of `kube-lego.io/retry` ends back-off and holds, but not a round in progress.
 */
export function applyAssignment(context: IngressContext, assignment: Assignment, at: number): IngressContext {
  const recent = context.retriedAt.filter((time) => time > at - hour);
  const retries = assignment.retry !== undefined && assignment.retry !== context.retry;
  const reset = retries && recent.length < retriesPerHour;
  const recentRecords = context.earlier.filter((earlier) => earlier.at > at - hour);
  const known = new Map(context.certificates.map((record) => [record.desired.secretName, record]));
  const certificates = assignment.desired.map((desired): CertificateRecord => {
    const current = known.get(desired.secretName);
    const isSame = current !== undefined && isSameRequest(current.desired, desired);
    const before = isSame ? current : resumed(recentRecords, desired);
    if (isSame) known.delete(desired.secretName);
    // What serves goes on, whatever is asked for now; the check that follows reads it again.
    if (before === undefined) return { ...unchecked(desired), servesUntil: current?.servesUntil };
    const record = before.desired === desired ? before : withDesired(before, desired);
    return reset ? withoutBackoff(record, at) : record;
  });
  const left = [...known.values()].filter(({ failures }) => failures.attempt + failures.check > 0);
  return {
    ...context,
    notices: assignment.notices,
    certificates,
    earlier: [...recentRecords, ...left.map((record) => ({ record, at }))].slice(-mostEarlier),
    at,
    nextCheckAt: undefined,
    // Keep the old value: removed and restored, it is not new.
    retry: assignment.retry ?? context.retry,
    retriedAt: reset ? [...recent, at] : recent,
  };
}

/** Whether the same certificate is asked for. */
function isSameRequest(before: DesiredCertificate, desired: DesiredCertificate): boolean {
  return before === desired || isEqual(requestIn(before), requestIn(desired));
}

/** A round makes the keystore that was asked for when it began: then the Secret is checked after it. */
function withDesired(record: CertificateRecord, desired: DesiredCertificate): CertificateRecord {
  const { status } = record;
  if (status.kind !== 'working' || isEqual(record.desired.keystore, desired.keystore))
    return { ...record, desired };
  return { ...record, desired, status: { ...status, woken: true } };
}

/** Without the keystore: that is no part of the certificate. */
function requestIn({ hosts, keeps = [], keystore: _keystore, ...settings }: DesiredCertificate) {
  return [settings, requestedRoutes(hosts), requestedRoutes(keeps)];
}

/** What was desired within the past hour goes on with its back-off; a round of it has ended. */
function resumed(
  earlier: readonly EarlierRecord[],
  desired: DesiredCertificate,
): CertificateRecord | undefined {
  const found = earlier.findLast(
    ({ record }) =>
      record.desired.secretName === desired.secretName && isSameRequest(record.desired, desired),
  );
  if (found === undefined) return undefined;
  const { record } = found;
  return record.status.kind === 'failed' ? record : { ...record, status: { kind: 'unchecked' } };
}

/** The results of a check: a due Secret gets a round, unless it is in back-off. */
export function applyAssessments(
  context: IngressContext,
  results: readonly CheckResult[],
  at: number,
): IngressContext {
  let { rounds } = context;
  const bySecret = new Map(results.map((result) => [result.secretName, result]));
  const certificates = context.certificates.map((record) => {
    const result = bySecret.get(record.desired.secretName);
    if (result === undefined) return record;
    const waits = record.status.kind === 'failed' && (record.status.nextAttemptAt ?? 0) > at;
    if (result.kind === 'unavailable') return waits ? record : fail(context, record, result.failure, at);
    const { assessment } = result;
    switch (assessment.kind) {
      case 'good': {
        const { notAfter, renewAt, notices } = assessment;
        const { desired, losses, answered, rescuedAt } = record;
        const found = {
          desired,
          status: { kind: 'good', notAfter, renewAt },
          servesUntil: notAfter,
          failures: noFailures,
          notices: notices.length === 0 ? none : notices,
        } as const;
        return extended<CertificateRecord>(found, {
          ...(losses === undefined ? {} : { losses }),
          ...(answered === undefined ? {} : { answered }),
          ...(rescuedAt === undefined ? {} : { rescuedAt }),
        });
      }
      case 'refused': {
        const { failure, notices, servesUntil } = assessment;
        return { ...fail(context, { ...record, servesUntil }, failure, at), notices };
      }
      case 'due': {
        const { servesUntil } = assessment;
        const found = { ...record, servesUntil };
        if (waits && !(isAboutReturn(record) && assessment.reason !== 'host-left-out')) {
          const { lookAt } = record.status.kind === 'failed' ? record.status : {};
          if (lookAt === undefined || lookAt > at) return found;
          if (result.appeared !== true) return lookedAt(found, `${context.uid}/${result.secretName}`, at);
        }
        const counted = isLoss(record, assessment.reason, at) ? lost(context, found, at) : found;
        if (counted !== found && counted.status.kind === 'failed') return counted;
        rounds += 1;
        const round = planRound(context, counted, assessment, rounds, at);
        return {
          ...counted,
          status: { kind: 'working', phase: 'queued', since: at, round },
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
  return withRound(context, secretName, at, { phase, since: at, hold: undefined, pending: undefined });
}

/** A round waits, before its order, for a limit of the CA or for the CA to be available. */
export function applyHold(
  context: IngressContext,
  secretName: string,
  hold: Hold,
  at: number,
): IngressContext {
  return withRound(context, secretName, at, { hold });
}

/** The CA takes long over the order of a round, or the round waits for a record of kube-lego. */
export function applyPending(
  context: IngressContext,
  secretName: string,
  pending: Failure | undefined,
  at: number,
): IngressContext {
  return withRound(context, secretName, at, { pending });
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
    const { caAhead = 0, window } = outcome.validity;
    const checkAt = woken ? at + recheckDelay : outcome.validity.checkAt;
    const clocks = judgingClocks(at, at + caAhead);
    const renewAt = localRenewalTime(outcome.validity, context.policy.minimumValidity, window, clocks);
    if (renewAt <= at) {
      // A failure, with back-off: otherwise there would be a loop of orders.
      const message = `The CA issued a certificate for Secret ${secretName} that must be renewed at once: it expires at ${new Date(notAfter).toISOString()}.`;
      return fail(context, record, { code: 'CertificateRejected', message }, at);
    }
    return stored(record, { notAfter, renewAt, checkAt });
  });
  // Meanwhile the user may have stored a good certificate by hand.
  return woken && outcome.kind === 'failed' && isChecked(next)
    ? { ...next, nextCheckAt: at + recheckDelay }
    : next;
}

/** The progress of the round of a Secret, if it has one. */
function withRound(
  context: IngressContext,
  secretName: string,
  at: number,
  progress: Partial<Omit<Extract<CertificateStatus, { kind: 'working' }>, 'kind'>>,
): IngressContext {
  return withRecord(context, secretName, at, (record) =>
    record.status.kind === 'working' ? { ...record, status: { ...record.status, ...progress } } : record,
  );
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
