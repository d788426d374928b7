import { hostsToBlame } from '../assessment/rescue.ts';
import type { DesiredCertificate } from '../ownership/desired-certificate.ts';
import type { SourceHistory } from '../ownership/secret-claims.ts';
import { type Failure, failureKind, isSelfCheckFailure } from '../reasons/reasons.ts';
import { type RecordedFailure, recordedFailure, retryMark, statusMessage } from '../reasons/status-text.ts';
import { plausibleCaWait } from '../time/ca-wait.ts';
import { checkPause, checksWithin } from '../time/ladder.ts';
import { latest } from '../time/latest.ts';
import { spread } from '../time/spread.ts';
import { longestBackoff } from './backoff.ts';
import { type CertificateRecord, noFailures } from './certificate-record.ts';
import {
  type CertificateEntry,
  entryNamed,
  inputMark,
  isReasonCode,
  kindOfReason,
  mostNotices,
  type StatusDocument,
  type StatusNotice,
} from './status.ts';

/** Beyond the end of any ladder. */
const mostFailures = 1000;
const longestMessage = 2000;

/**
 * Restores the last outcome of a Secret after a restart: number and reason of failures, and the next attempt. Anyone who may write
 * the Ingress may have written the annotation, so it is not trusted: a delay is limited to the longest back-off or the longest
 * Retry-After, and an entry of another Ingress or for another desired certificate is ignored.
 *
 * @param retry current value of `kube-lego.io/retry`: a new one ends the back-off, but not a Retry-After
 * @param at milliseconds since the epoch
 */
export function restoredOutcome(
  status: StatusDocument | undefined,
  { uid, retry, at }: { readonly uid: string; readonly retry: string | undefined; readonly at: number },
  desired: DesiredCertificate,
): Partial<CertificateRecord> | undefined {
  const entry = status?.ingress === uid ? entryNamed(status.secrets, desired.secretName) : undefined;
  if (entry?.input !== inputMark(desired)) return undefined;
  const blockedUntil = timeUntil(entry.blockedUntil, at + plausibleCaWait);
  const nextAttempt = timeUntil(entry.nextAttempt, at + longestBackoff);
  const retried = retry !== undefined && retryMark(retry) !== status?.retry;
  const free = isFree(entry);
  const failures = {
    ...noFailures,
    attempt: retried ? 0 : countOf(entry.failures),
    check: free && !retried ? checksWithin(at - (timeOf(entry.since) ?? at)) : 0,
  };
  // Not all at once after a restart, but none later than it would have been.
  const recheck = free ? at + checkPause(failures.check) * spread(`${uid}/${desired.secretName}`) : undefined;
  // The user says that the pause is lifted.
  const blocked = retried && entry.reason === 'NamePaused' ? undefined : blockedUntil;
  const until = retried ? blocked : latest([blockedUntil, nextAttempt ?? recheck]);
  const failure = failureIn(entry, desired, blockedUntil);
  const blamed = retried || failure === undefined ? undefined : hostsToBlame(failure);
  const rescuedAt = timeOf(entry.rescued);
  const known = {
    failures,
    ...(blamed === undefined ? {} : { failing: blamed }),
    ...(failure !== undefined && isSelfCheckFailure(failure.code) ? { answered: hostsToBlame(failure) } : {}),
    ...(rescuedAt === undefined ? {} : { rescuedAt }),
    ...(retried ? { passed: desired.hosts.map(({ host }) => host) } : {}),
  };
  // Waits for limits are decided by the ledger; a problem of the account may have been fixed by the restart.
  if (
    entry.state === 'waiting' ||
    entry.reason === 'AccountNotReady' ||
    failure === undefined ||
    until === undefined ||
    until <= at
  ) {
    return { status: { kind: 'unchecked' }, ...known };
  }
  const servesUntil = timeOf(entry.notAfter);
  return { status: { kind: 'failed', failure, nextAttemptAt: until }, servesUntil, ...known };
}

/** Its time is not recorded: a check before an order, repeated every few minutes. */
function isFree({ reason, state }: CertificateEntry): boolean {
  return state === 'failed' && kindOfReason(reason) === 'check';
}

/** The messages in the annotation (see `statusMessage`), which must not be published again. */
export function sentencesIn(status: StatusDocument, uid: string): string[] {
  if (status.ingress !== uid) return [];
  const entries = Object.values(status.secrets);
  const notices = [...(status.notices ?? []), ...entries.flatMap((entry) => entry.notices ?? [])];
  const messages = [...notices, ...entries].map(({ message }) => message);
  return messages.filter((message) => message !== undefined);
}

/**
 * The failures that the other Ingresses of a shared Secret are shown after a restart. Not trusted: anybody may have written it, so that it
 * makes notices of bounded text, and no more.
 */
export function historyIn(status: StatusDocument | undefined, uid: string): SourceHistory {
  if (status?.ingress !== uid) return { outcomes: new Map(), notices: [] };
  const outcomes = Object.entries(status.secrets).flatMap(
    ([secretName, { state, reason, message }]): [string, RecordedFailure | undefined][] => {
      if (state === 'good') return [[secretName, undefined]];
      if (state !== 'failed' || reason === undefined || message === undefined) return [];
      return lastingFailures({ reason, message }).map((failure) => [secretName, failure]);
    },
  );
  const notices = (status.notices ?? []).slice(0, mostNotices);
  return { outcomes: new Map(outcomes), notices: notices.flatMap(lastingFailures) };
}

function lastingFailures({ reason: code, message }: StatusNotice): RecordedFailure[] {
  if (!isReasonCode(code)) return [];
  const failure = recordedFailure({ code, message, namesRemedy: true });
  return failureKind(failure) === 'transient' ? [] : [failure];
}

function failureIn(
  { reason, message, host }: CertificateEntry,
  { hosts }: DesiredCertificate,
  retryAt: number | undefined,
): Failure | undefined {
  if (reason === undefined || !isReasonCode(reason)) return undefined;
  const known = hosts.some((route) => route.host === host);
  return {
    code: reason,
    message:
      message === undefined ? statusMessage({ code: reason, message: '' }) : message.slice(0, longestMessage),
    namesRemedy: true,
    ...(host !== undefined && known ? { host } : {}),
    ...(retryAt === undefined ? {} : { retryAt }),
  };
}

function timeOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? undefined : time;
}

function timeUntil(text: string | undefined, latest: number): number | undefined {
  const time = timeOf(text);
  return time === undefined ? undefined : Math.min(time, latest);
}

function countOf(failures: number | undefined): number {
  return failures === undefined || !Number.isInteger(failures)
    ? 0
    : Math.min(Math.max(failures, 0), mostFailures);
}
