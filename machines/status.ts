import type { DesiredCertificate } from './desired-certificate.ts';
import type { CertificateRecord, IngressContext } from './ingress-context.ts';
import { type Failure, failureKind, reasons } from './reasons.ts';
import { spread } from './spread.ts';
import { retryMark, statusMessage } from './status-text.ts';

/** Something to be known that stands in the way of nothing. */
export interface StatusNotice {
  readonly reason: string;
  readonly message: string;
}

/** What came of one Secret at last. Times in whole seconds of RFC 3339, none earlier than what it stands for. */
export interface CertificateEntry {
  readonly state: 'good' | 'failed';
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
  /** Absent where only a change helps, and where it is a matter of minutes. */
  readonly nextAttempt?: string;
  /** Until when the CA or the API server asked us to wait. */
  readonly blockedUntil?: string;
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
}

export const statusAnnotation = 'kube-lego.io/status';

/** Trouble that is nobody's failure and is over so soon is no outcome. */
const passing = 30_000;
/** From here on the time of the next attempt is worth a write when the failure is nobody's. */
const farAway = 10 * 60_000;
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
  const failed = kept.some(([, { state }]) => state === 'failed');
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

/**
 * Whether another outcome is to be written: another code, scope or count, or a time that moved by more than a tenth of what
 * is left until then.
 *
 * @param now milliseconds since the epoch
 */
export function differs(before: StatusDocument, after: StatusDocument, now: number): boolean {
  const names = Object.keys(after.secrets);
  return (
    before.ingress !== after.ingress ||
    before.retry !== after.retry ||
    before.omitted !== after.omitted ||
    JSON.stringify(before.notices) !== JSON.stringify(after.notices) ||
    names.length !== Object.keys(before.secrets).length ||
    names.some((name) => {
      const [one, other] = [entryNamed(before.secrets, name), entryNamed(after.secrets, name)];
      return one === undefined || other === undefined || entriesDiffer(one, other, now);
    })
  );
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
  { status, failures, desired, notices: findings }: CertificateRecord,
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
  if (status.kind !== 'failed') return undefined;
  const { failure, nextAttemptAt, notAfter } = status;
  const transient = failureKind(failure) === 'transient';
  const ahead = (nextAttemptAt ?? Number.POSITIVE_INFINITY) - at;
  if (transient && ahead <= passing) return undefined;
  const { code, host, retryAt } = failure;
  const same = last?.state === 'failed' && last.reason === code;
  return {
    state: 'failed',
    since: same ? last.since : timestamp(at),
    reason: code,
    message: statusMessage(failure),
    ...(host === undefined ? {} : { host }),
    ...(failures.attempt === 0 ? {} : { failures: failures.attempt }),
    ...(nextAttemptAt === undefined || (transient && ahead <= farAway)
      ? {}
      : { nextAttempt: timestamp(nextAttemptAt) }),
    ...(retryAt === undefined || retryAt <= at ? {} : { blockedUntil: timestamp(retryAt) }),
    ...(notAfter === undefined ? {} : { notAfter: timestamp(notAfter) }),
    ...notices,
    input: inputMark(desired),
  };
}

function entriesDiffer(before: CertificateEntry, after: CertificateEntry, now: number): boolean {
  return (
    lasting(before) !== lasting(after) ||
    moved(before.nextAttempt, after.nextAttempt, now) ||
    moved(before.renewAt, after.renewAt, now)
  );
}

function lasting({
  state,
  reason,
  host,
  failures,
  notAfter,
  input,
  notices,
  message,
}: CertificateEntry): string {
  const transient = reason !== undefined && isReasonCode(reason) && reasons[reason].kind === 'transient';
  // What happened to whom in mid-trouble changes with each try.
  const words = transient ? undefined : message;
  return JSON.stringify([state, reason, host, failures, notAfter, input, notices, words]);
}

function moved(before: string | undefined, after: string | undefined, now: number): boolean {
  if (before === undefined || after === undefined) return before !== after;
  const time = Date.parse(before);
  return Math.abs(Date.parse(after) - time) > Math.max(Math.abs(time - now) / 10, 1000);
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
  for (const state of ['failed', 'good'] as const) {
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
  return new Date(Math.ceil(Math.min(at, latest) / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}
