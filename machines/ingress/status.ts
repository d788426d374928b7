import { type DesiredCertificate, requestedRoutes } from '../ownership/desired-certificate.ts';
import type { FailureKind } from '../reasons/reason.ts';
import { type Failure, failureKind, reasons } from '../reasons/reasons.ts';
import { retryMark, statusMessage } from '../reasons/status-text.ts';
import { minute, second } from '../time/durations.ts';
import { spread } from '../time/spread.ts';
import {
  type CertificateRecord,
  type CertificateStatus,
  servingUntil,
  waitOf,
} from './certificate-record.ts';
import type { IngressContext } from './ingress-context.ts';

/** Information that is not a failure. */
export interface StatusNotice {
  readonly reason: string;
  readonly message: string;
}

/** The last outcome of one Secret. Times in RFC 3339, rounded up to whole seconds. */
export interface CertificateEntry {
  /** `waiting`: for a limit of the CA, before any attempt; or for the CA, which takes long over the order. */
  readonly state: 'good' | 'failed' | 'waiting';
  /** When state or reason last changed. */
  readonly since: string;
  /** Expiry of the certificate in use, if known. */
  readonly notAfter?: string;
  readonly renewAt?: string;
  /** A code of `reasons`. */
  readonly reason?: string;
  /** Including the remedy. */
  readonly message?: string;
  /** The failing host, if it is only one. */
  readonly host?: string;
  /** Consecutive failures; transient ones do not count. */
  readonly failures?: number;
  /** For `waiting`, when it fits into the limits. Absent if only a change helps, and if it is a matter of minutes. */
  readonly nextAttempt?: string;
  /** End of a Retry-After of the CA or the API server. */
  readonly blockedUntil?: string;
  /** When an order without failing hosts, or to add hosts again, last failed. */
  readonly rescued?: string;
  /** Hash of the desired certificate (`inputMark`): a change resets the outcome. */
  readonly input?: string;
  readonly notices?: readonly StatusNotice[];
}

/** The annotation `kube-lego.io/status` of an Ingress: outcomes, not transient states. */
export interface StatusDocument {
  readonly secrets: Readonly<Record<string, CertificateEntry>>;
  /** About the Ingress itself. */
  readonly notices?: readonly StatusNotice[];
  /** Number of Secrets and notices omitted to limit the size. */
  readonly omitted?: number;
  /** The last value of `kube-lego.io/retry` that took effect. */
  readonly retry?: string;
  /** The uid of the Ingress: an annotation copied to another Ingress is ignored. */
  readonly ingress: string;
  /** The annotation that enables kube-lego, if not `kubernetes.io/tls-acme`: the status of another kube-lego is not changed. */
  readonly handedBy?: string;
}

export const statusAnnotation = 'kube-lego.io/status';

/** Waits and transient failures up to this long are not written. */
const shortWait = 30 * second;
/** The next attempt after a transient failure is written only if further ahead; that of a free check never. */
const longWait = 10 * minute;
export const mostNotices = 10;
/** Characters; Kubernetes allows 256 KiB for all annotations of an object. Beyond the first limit, entries have no messages. */
const sizeWithMessages = 16_384;
const maxSize = 2 * sizeWithMessages;
const latest = Date.UTC(9999, 11, 31);

/**
 * The current status of an Ingress. A Secret that is being checked or has a running round keeps its previous outcome.
 *
 * @param before the last status written
 */
export function statusOf(context: IngressContext, before?: StatusDocument): StatusDocument {
  const known = before?.ingress === context.uid ? before.secrets : {};
  const entries: [string, CertificateEntry][] = [];
  for (const record of context.certificates) {
    const { secretName } = record.desired;
    const last = entryNamed(known, secretName);
    const entry = entryOf(record, last, context.at) ?? lastOutcome(record, last);
    if (entry !== undefined) entries.push([secretName, entry]);
  }
  const { kept, omitted: omittedEntries } = withinBounds(entries);
  const notices = noticesOf(context.notices);
  const omitted = omittedEntries + context.notices.length - notices.length;
  const failed = kept.some(([, { state }]) => state !== 'good');
  return {
    secrets: Object.fromEntries(kept),
    ...(notices.length === 0 ? {} : { notices }),
    ...(omitted === 0 ? {} : { omitted }),
    ...(context.retry === undefined || !failed ? {} : { retry: retryMark(context.retry) }),
    ingress: context.uid,
  };
}

/** What was said before, unless it waits no more for a record of kube-lego; then the count of its failures stays. */
function lastOutcome(
  { status }: CertificateRecord,
  last: CertificateEntry | undefined,
): CertificateEntry | undefined {
  const isOver =
    status.kind === 'working' && last?.state === 'waiting' && last.reason === 'RecordUnavailable';
  if (!isOver) return last;
  const { reason: _reason, message: _message, ...kept } = last;
  return last.failures === undefined ? undefined : kept;
}

/** Whether nothing is amiss, as far as an earlier process knew. */
export function isAllWell(status: StatusDocument | undefined, uid: string, at: number): boolean {
  if (status?.ingress !== uid) return false;
  const entries = Object.values(status.secrets);
  return (
    entries.length > 0 &&
    entries.every(({ state, renewAt }) => state === 'good' && Date.parse(renewAt ?? '') > at)
  );
}

/** The status of an Ingress that has no actor yet: what was said of its Secrets, and why it waits. */
export function statusOfWaiting(
  uid: string,
  finding: Failure,
  before: StatusDocument | undefined,
): StatusDocument {
  const known = before?.ingress === uid ? before : { secrets: {}, ingress: uid };
  return { ...known, notices: noticesOf([finding]) };
}

export function isEmpty({ secrets, notices }: StatusDocument): boolean {
  return Object.keys(secrets).length === 0 && notices === undefined;
}

/** Short hash of the desired certificate, for comparison only. */
export function inputMark({ hosts, keeps, keyType, profile, selfCheck }: DesiredCertificate): string {
  const kept = keeps === undefined ? [] : [requestedRoutes(keeps)];
  const input = JSON.stringify([requestedRoutes(hosts), keyType, profile, selfCheck, ...kept]);
  return Math.floor(spread(input) * 0x1_0000_0000).toString(16);
}

/** The entry of this Secret, whose name may be that of an inherited property (`constructor`). */
export function entryNamed(
  secrets: StatusDocument['secrets'],
  secretName: string,
): CertificateEntry | undefined {
  return Object.hasOwn(secrets, secretName) ? secrets[secretName] : undefined;
}

/** @returns undefined in a transient state */
function entryOf(
  record: CertificateRecord,
  last: CertificateEntry | undefined,
  at: number,
): CertificateEntry | undefined {
  const { status, failures, desired, notices: findings, rescuedAt } = record;
  const list = noticesOf(findings);
  const notices = list.length === 0 ? {} : { notices: list };
  if (status.kind === 'good') {
    const since = last?.state === 'good' ? last.since : timestamp(at);
    const { notAfter, renewAt } = status;
    return { state: 'good', since, notAfter: timestamp(notAfter), renewAt: timestamp(renewAt), ...notices };
  }
  const problem = problemOf(status);
  if (problem === undefined) return undefined;
  const { state, failure, until } = problem;
  const notAfter = servingUntil(record, at);
  const { code, host, retryAt } = failure;
  const kind = failureKind(failure);
  const isTransient = kind === 'transient';
  const ahead = (until ?? Number.POSITIVE_INFINITY) - at;
  if ((state === 'waiting' || isTransient) && ahead <= shortWait) return undefined;
  // The time of a transient failure changes with each attempt: written only if far ahead. That of a held round seldom changes.
  const soon = kind === 'check' || (isTransient && ahead <= longWait);
  const same = last?.state === state && last.reason === code;
  return {
    state,
    since: same ? last.since : timestamp(at),
    reason: code,
    message: statusMessage(failure),
    ...(host === undefined ? {} : { host }),
    ...(failures.attempt === 0 ? {} : { failures: failures.attempt }),
    ...(until === undefined || soon ? {} : { nextAttempt: timestamp(until) }),
    ...(state === 'waiting' || retryAt === undefined || retryAt <= at
      ? {}
      : { blockedUntil: timestamp(retryAt) }),
    ...(notAfter === undefined ? {} : { notAfter: timestamp(notAfter) }),
    ...(rescuedAt === undefined ? {} : { rescued: timestamp(rescuedAt) }),
    ...notices,
    input: inputMark(desired),
  };
}

function problemOf(status: CertificateStatus) {
  if (status.kind === 'failed') {
    const { failure, nextAttemptAt } = status;
    // It goes back into the queue, where it waits.
    if (failure.held === true) return undefined;
    return { state: 'failed', failure, until: nextAttemptAt } as const;
  }
  const wait = waitOf(status);
  return wait === undefined ? undefined : ({ state: 'waiting', failure: wait, until: wait.retryAt } as const);
}

/** Limits the size; failed entries first, because their back-off must survive a restart. */
function withinBounds(entries: readonly [string, CertificateEntry][]) {
  const kept = new Map<string, CertificateEntry>();
  let used = 0;
  const keep = (name: string, entry: CertificateEntry, limit: number): boolean => {
    const size = name.length + JSON.stringify(entry).length;
    if (used + size > limit) return false;
    used += size;
    kept.set(name, entry);
    return true;
  };
  for (const state of ['failed', 'waiting', 'good'] as const) {
    for (const [name, entry] of entries) {
      if (entry.state !== state || keep(name, entry, sizeWithMessages)) continue;
      const { message: _message, notices: _notices, ...brief } = entry;
      keep(name, brief, maxSize);
    }
  }
  const ordered = entries.flatMap(([name]): [string, CertificateEntry][] => {
    const entry = kept.get(name);
    return entry === undefined ? [] : [[name, entry]];
  });
  return { kept: ordered, omitted: entries.length - ordered.length };
}

function noticesOf(findings: readonly Failure[]): StatusNotice[] {
  return findings
    .slice(0, mostNotices)
    .map((finding) => ({ reason: finding.code, message: statusMessage(finding) }));
}

export function isReasonCode(code: string): code is keyof typeof reasons {
  return Object.hasOwn(reasons, code);
}

/** Undefined for no reason, and for one of another version. */
export function kindOfReason(reason: string | undefined): FailureKind | undefined {
  return reason !== undefined && isReasonCode(reason) ? reasons[reason].kind : undefined;
}

function timestamp(at: number): string {
  return new Date(Math.ceil(Math.min(at, latest) / second) * second).toISOString().replace('.000Z', 'Z');
}
