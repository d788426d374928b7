import { hostsToBlame } from '../assessment/rescue.ts';
import type { DesiredCertificate } from '../ownership/desired-certificate.ts';
import type { Failure } from '../reasons/reasons.ts';
import { retryMark, statusMessage } from '../reasons/status-text.ts';
import { plausibleCaWait } from '../time/ca-wait.ts';
import { longestBackoff } from './backoff.ts';
import type { CertificateRecord } from './certificate-record.ts';
import { type CertificateEntry, entryNamed, inputMark, isReasonCode, type StatusDocument } from './status.ts';

/** More than any back-off counts. */
const mostFailures = 1000;
const longestMessage = 2000;

/**
 * What a restart takes over of a Secret's last outcome: how often it failed, why, and when it is to be tried again. The
 * text may come from anybody who may write the Ingress, so it is trusted with little: it makes an attempt wait for the
 * longest back-off at most, or for as long as a CA may ask, and does not count for another Ingress or another wish.
 *
 * @param retry the value of `kube-lego.io/retry` now: a new one ends the back-off, but not what the CA asked for
 * @param at milliseconds since the epoch
 */
export function restoredOutcome(
  status: StatusDocument | undefined,
  { uid, retry, at }: { readonly uid: string; readonly retry: string | undefined; readonly at: number },
  desired: DesiredCertificate,
): Partial<CertificateRecord> | undefined {
  const entry = status?.ingress === uid ? entryNamed(status.secrets, desired.secretName) : undefined;
  if (entry?.state === 'good') return { certified: true };
  if (entry?.input !== inputMark(desired)) return undefined;
  const blockedUntil = timeUntil(entry.blockedUntil, at + plausibleCaWait);
  const nextAttempt = timeUntil(entry.nextAttempt, at + longestBackoff);
  const retried = retry !== undefined && retryMark(retry) !== status?.retry;
  const until = retried ? blockedUntil : latestOf(blockedUntil, nextAttempt);
  const failures = { attempt: retried ? 0 : countOf(entry.failures), transient: 0 };
  const failure = failureIn(entry, desired, blockedUntil);
  const blamed = retried || failure === undefined ? undefined : hostsToBlame(failure);
  const rescuedAt = timeOf(entry.rescued);
  const known = {
    failures,
    certified: entry.notAfter !== undefined,
    ...(blamed === undefined ? {} : { failing: blamed }),
    ...(failure?.code === 'SelfCheckFailed' ? { answered: hostsToBlame(failure) } : {}),
    ...(rescuedAt === undefined ? {} : { rescuedAt }),
    ...(retried ? { passed: desired.hosts.map(({ host }) => host) } : {}),
  };
  // Whether it has to wait for a limit the ledger tells; what the account lacks may have been mended with the restart.
  if (
    entry.state === 'waiting' ||
    entry.reason === 'AccountNotReady' ||
    failure === undefined ||
    until === undefined ||
    until <= at
  ) {
    return { status: { kind: 'unchecked' }, ...known };
  }
  const notAfter = timeOf(entry.notAfter);
  return { status: { kind: 'failed', failure, nextAttemptAt: until, notAfter }, ...known };
}

/** The sentences that were written for an Ingress, as `statusMessage` makes them: not to be told again. */
export function sentencesIn(status: StatusDocument, uid: string): ReadonlySet<string> {
  if (status.ingress !== uid) return new Set();
  const entries = Object.values(status.secrets);
  const notices = [...(status.notices ?? []), ...entries.flatMap((entry) => entry.notices ?? [])];
  const messages = [...notices, ...entries].map(({ message }) => message);
  return new Set(messages.filter((message) => message !== undefined));
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

function latestOf(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
}

function countOf(failures: number | undefined): number {
  return failures === undefined || !Number.isInteger(failures)
    ? 0
    : Math.min(Math.max(failures, 0), mostFailures);
}
