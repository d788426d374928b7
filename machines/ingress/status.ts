import type { DesiredCertificate } from '../ownership/desired-certificate.ts';
import { type Failure, failureKind, reasons } from '../reasons/reasons.ts';
import { retryMark, statusMessage } from '../reasons/status-text.ts';
import { minute, second } from '../time/durations.ts';
import { spread } from '../time/spread.ts';
import type { CertificateRecord, CertificateStatus } from './certificate-record.ts';
import { describeHold } from './hold.ts';
import type { IngressContext } from './ingress-context.ts';

/** Something to be known that stands in the way of nothing. */
export interface StatusNotice {
  readonly reason: string;
  readonly message: string;
}

/** What came of one Secret at last. Times in whole seconds of RFC 3339, none earlier than what it stands for. */
export interface CertificateEntry {
  /** `waiting`: for a limit of the CA, before any attempt. */
  readonly state: 'good' | 'failed' | 'waiting';
  /** When state and reason became what they are. */
  readonly since: string;
  /** The end of the certificate that serves now, as far as it is known. */
  readonly notAfter?: string;
  readonly renewAt?: string;
  /** A code of the table of reasons. */
  readonly reason?: string;
  /** What happened, and what to do. */
  readonly message?: string;
  /** The host to blame, where it is one. */
  readonly host?: string;
  /** How often in a row it has failed; trouble that is not the certificate's own does not count. */
  readonly failures?: number;
  /** Or the turn of one that waits. Absent where only a change helps, and where trouble of others is a matter of minutes. */
  readonly nextAttempt?: string;
  /** Until when the CA or the API server asked us to wait. */
  readonly blockedUntil?: string;
  /** When an order without failing hosts, or for hosts that were to come back, came to nothing. */
  readonly rescued?: string;
  /** Of what was asked for when it failed: a change of that starts over. */
  readonly input?: string;
  readonly notices?: readonly StatusNotice[];
}

/** What the annotation `kube-lego.io/status` of an Ingress says: outcomes, never passing states. */
export interface StatusDocument {
  readonly secrets: Readonly<Record<string, CertificateEntry>>;
  /** About the Ingress itself. */
  readonly notices?: readonly StatusNotice[];
  /** Secrets and notices for which there was no room. */
  readonly omitted?: number;
  /** The value of `kube-lego.io/retry` that was acted on last. */
  readonly retry?: string;
  /** The uid of the Ingress: text that was copied to another one says nothing about that. */
  readonly ingress: string;
  /** The annotation that handed it to kube-lego, where that is not `kubernetes.io/tls-acme`: another kube-lego's words are left alone. */
  readonly handedBy?: string;
}

export const statusAnnotation = 'kube-lego.io/status';

/** Trouble that is nobody's failure and is over so soon is no outcome. */
const passing = 30 * second;
/** From here on the time of the next attempt is worth a write when the failure is nobody's. */
const farAway = 10 * minute;
const mostNotices = 10;
/** Characters; all annotations of an object together have 256 KiB. Beyond the first limit entries lose their words. */
const roomForWords = 16_384;
const room = 2 * roomForWords;
const latest = Date.UTC(9999, 11, 31);

/**
 * What is to be said of an Ingress now. A Secret that is being checked or worked on has the outcome that it had before.
 *
 * @param before what was said last
 */
export function statusOf(context: IngressContext, before?: StatusDocument): StatusDocument {
  const known = before?.ingress === context.uid ? before.secrets : {};
  const entries: [string, CertificateEntry][] = [];
  for (const record of context.certificates) {
    const { secretName } = record.desired;
    const last = entryNamed(known, secretName);
    const entry = entryOf(record, last, context.at) ?? last;
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

/** Whether there is anything to say. */
export function isEmpty({ secrets, notices }: StatusDocument): boolean {
  return Object.keys(secrets).length === 0 && notices === undefined;
}

/** What was asked for, so briefly that it is only good for a comparison. */
export function inputMark({ hosts, adopt, keyType, profile, selfCheck }: DesiredCertificate): string {
  const input = JSON.stringify([hosts, adopt, keyType, profile, selfCheck]);
  return Math.floor(spread(input) * 0x1_0000_0000).toString(16);
}

/** The entry of this Secret, whose name may be one that every object knows. */
export function entryNamed(
  secrets: StatusDocument['secrets'],
  secretName: string,
): CertificateEntry | undefined {
  return Object.hasOwn(secrets, secretName) ? secrets[secretName] : undefined;
}

/** @returns undefined in a passing state */
function entryOf(
  { status, failures, desired, notices: findings, rescuedAt }: CertificateRecord,
  last: CertificateEntry | undefined,
  at: number,
): CertificateEntry | undefined {
  const list = noticesOf(findings);
  const notices = list.length === 0 ? {} : { notices: list };
  if (status.kind === 'good') {
    const since = last?.state === 'good' ? last.since : timestamp(at);
    const { notAfter, renewAt } = status;
    return { state: 'good', since, notAfter: timestamp(notAfter), renewAt: timestamp(renewAt), ...notices };
  }
  const trouble = troubleOf(status);
  if (trouble === undefined) return undefined;
  const { state, failure, until, notAfter } = trouble;
  const { code, host, retryAt } = failure;
  const isTrouble = failureKind(failure) === 'transient';
  const nobodysFault = state === 'waiting' || isTrouble;
  const ahead = (until ?? Number.POSITIVE_INFINITY) - at;
  if (nobodysFault && ahead <= passing) return undefined;
  // A turn in the queue seldom moves; a time of trouble moves with each try, and is worth its writes only when it is far.
  const soon = isTrouble && ahead <= farAway;
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
    ...(notAfter === undefined || notAfter <= at ? {} : { notAfter: timestamp(notAfter) }),
    ...(rescuedAt === undefined ? {} : { rescued: timestamp(rescuedAt) }),
    ...notices,
    input: inputMark(desired),
  };
}

function troubleOf(status: CertificateStatus) {
  if (status.kind === 'failed') {
    const { failure, nextAttemptAt, notAfter } = status;
    return { state: 'failed', failure, until: nextAttemptAt, notAfter } as const;
  }
  if (status.kind !== 'working' || status.hold === undefined) return undefined;
  const { hold, round } = status;
  return {
    state: 'waiting',
    failure: describeHold(hold),
    until: hold.until,
    notAfter: round.harmAt,
  } as const;
}

/** The failing ones first, because their back-off has to outlast a restart. */
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
      if (entry.state !== state || keep(name, entry, roomForWords)) continue;
      const { message: _message, notices: _notices, ...brief } = entry;
      keep(name, brief, room);
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

/** Whether the table of reasons has this code. */
export function isReasonCode(code: string): code is keyof typeof reasons {
  return Object.hasOwn(reasons, code);
}

function timestamp(at: number): string {
  return new Date(Math.ceil(Math.min(at, latest) / second) * second).toISOString().replace('.000Z', 'Z');
}
