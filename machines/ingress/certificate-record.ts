import type { DueReason } from '../assessment/defects.ts';
import { hostsToBlame, leftOut } from '../assessment/rescue.ts';
import type { Hold } from '../ledger/ledger.ts';
import type { DesiredCertificate } from '../ownership/desired-certificate.ts';
import { type Failure, failureKind } from '../reasons/reasons.ts';
import { day } from '../time/durations.ts';
import { nextAttempt } from './backoff.ts';
import type { CertificateInput, CertificatePhase } from './certificate.ts';

/** Where one Secret of an Ingress stands. All times in milliseconds since the epoch. */
export type CertificateStatus =
  | { readonly kind: 'unchecked' }
  | {
      readonly kind: 'good';
      readonly notAfter: number;
      readonly renewAt: number;
      /** When it is to be looked at before that: the CA is asked whether that is still so, or the Secret may have changed. */
      readonly askAt?: number | undefined;
    }
  | {
      readonly kind: 'working';
      readonly phase: CertificatePhase;
      /** When it entered the phase. */
      readonly since: number;
      readonly round: CertificateInput;
      /** What keeps it waiting, where that is a limit of the CA or its trouble. */
      readonly hold?: Hold | undefined;
      /** A check was called for in the meantime: the Secret may change behind the back of its round. */
      readonly woken?: true | undefined;
    }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      /** Undefined where only a change helps. */
      readonly nextAttemptAt: number | undefined;
      /** The end of the certificate that serves until then, as far as it is known. */
      readonly notAfter: number | undefined;
    };

export interface CertificateRecord {
  readonly desired: DesiredCertificate;
  readonly status: CertificateStatus;
  /** How often in a row it has failed, by the kind of failure: each has a ladder of its own. */
  readonly failures: { readonly attempt: number; readonly transient: number };
  readonly notices: readonly Failure[];
  /** Whether its Secret has held a certificate for what is desired. */
  readonly certified?: boolean | undefined;
  /** When, in the past day, what its Secret held was found deleted or overwritten; milliseconds since the epoch. */
  readonly losses?: readonly number[] | undefined;
  /** The hosts to blame for the last failure; undefined if none was that of a host. */
  readonly failing?: readonly string[] | undefined;
  /** Hosts that gave a wrong answer to the self-check of an earlier process. */
  readonly answered?: readonly string[] | undefined;
  /** When an order without failing hosts, or for hosts that were to come back, came to nothing; milliseconds since the epoch. */
  readonly rescuedAt?: number | undefined;
  /** Hosts that were left out and have passed the self-check at the last attempt. */
  readonly passed?: readonly string[] | undefined;
}

/** How often within a day what was stored may be lost and is ordered anew at once; then there is a back-off. */
const repairsAtOnce = 3;
const reasonsOfLoss: ReadonlySet<DueReason> = new Set([
  'missing',
  'empty',
  'unreadable',
  'key-mismatch',
  'hosts-not-covered',
  'issued-elsewhere',
]);
/** Of what is not due yet these tell that an older certificate was put in its place. */
const reasonsOfAge: ReadonlySet<DueReason> = new Set(['expired', 'near-expiry']);

export const noFailures = { attempt: 0, transient: 0 } as const;

/** Nothing is known of it yet. */
export function unchecked(desired: DesiredCertificate): CertificateRecord {
  return { desired, status: { kind: 'unchecked' }, failures: noFailures, notices: [] };
}

/**
 * Ready for a new attempt, but not before the time that the CA or the API server named. A round that is under way goes on:
 * what it has ordered would have to be ordered again.
 */
export function withoutBackoff(
  { desired, status, notices, rescuedAt, certified }: CertificateRecord,
  at: number,
): CertificateRecord {
  // A person's word is as good as having passed once; it is no leave for another order without failing hosts.
  const passed = desired.hosts.map(({ host }) => host);
  const kept = { failures: noFailures, rescuedAt, certified, passed };
  return { desired, status: retriable(status, at), notices, ...kept };
}

function retriable(status: CertificateStatus, at: number): CertificateStatus {
  switch (status.kind) {
    case 'failed': {
      const { retryAt } = status.failure;
      return retryAt !== undefined && retryAt > at
        ? { ...status, nextAttemptAt: retryAt }
        : { kind: 'unchecked' };
    }
    case 'working':
      // The Secret may have been seen to by hand since it was judged; what is held has cost nothing yet.
      return status.phase === 'queued' && status.hold !== undefined ? { kind: 'unchecked' } : status;
    default:
      return status;
  }
}

/** Whether all that has failed is the return of hosts that were left out. */
export function isAboutReturn({ status }: CertificateRecord): boolean {
  return status.kind === 'failed' && ['HostLeftOut', 'HostReturning'].includes(status.failure.code);
}

/**
 * What has failed, and when it is tried again.
 * @param context of its Ingress
 */
export function fail(
  context: { readonly uid: string },
  record: CertificateRecord,
  failure: Failure,
  at: number,
): CertificateRecord {
  // A limit is not the certificate's failure: it must not make the first one that is wait for a day.
  const kind = failure.code === 'RateLimited' ? 'transient' : failureKind(failure);
  const triedAgain = kind === 'attempt' || kind === 'transient';
  const failures = triedAgain ? { ...record.failures, [kind]: record.failures[kind] + 1 } : noFailures;
  const id = `${context.uid}/${record.desired.secretName}`;
  const notAfter = servingUntil(record.status, at);
  const nextAttemptAt = triedAgain ? nextAttempt(failure, failures[kind], id, at, notAfter) : undefined;
  const status = { kind: 'failed', failure, nextAttemptAt, notAfter } as const;
  return { ...record, status, failures, ...whatFailed(record, failure, at) };
}

/** Whether somebody has deleted or overwritten what was good: nothing else is wanted than when it was. */
export function isLoss({ status }: CertificateRecord, reason: DueReason, at: number): boolean {
  if (status.kind !== 'good') return false;
  return reasonsOfLoss.has(reason) || (at < status.renewAt && reasonsOfAge.has(reason));
}

/**
 * Counts a loss. Whoever undoes each repair, as a deployment tool that applies the Secret does, must not have the CA asked for one
 * certificate after the other: beyond some within a day it is a failure.
 * @param context of its Ingress
 */
export function lost(
  context: { readonly uid: string },
  record: CertificateRecord,
  at: number,
): CertificateRecord {
  const losses = [...(record.losses ?? []).filter((time) => time > at - day), at];
  const excess = losses.length - repairsAtOnce;
  if (excess <= 0) return { ...record, losses };
  const { secretName } = record.desired;
  const message = `Secret ${secretName} has lost its certificate ${losses.length} times within a day: somebody deletes or overwrites it.`;
  const before = { ...unchecked(record.desired), certified: record.certified, losses };
  const failures = { ...noFailures, attempt: excess - 1 };
  return fail(context, { ...before, failures }, { code: 'SecretOverwritten', message }, at);
}

function whatFailed(
  { status, failing, rescuedAt, passed }: CertificateRecord,
  failure: Failure,
  at: number,
): Pick<CertificateRecord, 'failing' | 'rescuedAt' | 'passed'> {
  const working = status.kind === 'working' ? status : undefined;
  const rescue = working?.round.rescue === true ? working.round.omission : undefined;
  const returning = working?.round.returning !== undefined;
  const blamed = hostsToBlame(failure);
  const own = failureKind(failure) === 'attempt' && !isLimit(failure);
  // Without an order nothing was tried: the next attempt may be the one that saves the certificate.
  const ordered = own && (failure.orderMade === true || working?.phase === 'storing');
  const refused = own && working?.phase === 'validating' && blamed !== undefined;
  const counts = (rescue !== undefined && ordered) || (returning && (ordered || refused));
  const passedNow = failure.code === 'HostReturning' ? failure.hosts : passed;
  const failed = ordered || blamed !== undefined || failure.code === 'HostLeftOut';
  return {
    failing: blamed === undefined ? failing : [...new Set([...(rescue?.hosts ?? []), ...blamed])],
    rescuedAt: counts ? at : rescuedAt,
    passed: own && failed ? undefined : passedNow,
  };
}

/** What the CA asks to wait for says nothing of hosts or of the certificate. */
function isLimit({ code }: Failure): boolean {
  return code === 'RateLimited' || code === 'NamePaused';
}

/** The end of the certificate that serves in spite of the failure; one that is due before its end does harm at its end. */
function servingUntil(status: CertificateStatus, at: number): number | undefined {
  if (status.kind === 'unchecked') return undefined;
  const notAfter = status.kind === 'working' ? status.round.harmAt : status.notAfter;
  return notAfter !== undefined && notAfter > at ? notAfter : undefined;
}

/** Its certificate is in the Secret, perhaps without hosts that are to be named. */
export function stored(
  { desired, status, notices, rescuedAt, losses }: CertificateRecord,
  times: Omit<Extract<CertificateStatus, { kind: 'good' }>, 'kind'>,
): CertificateRecord {
  const out = status.kind === 'working' ? (status.round.omission?.hosts ?? []) : [];
  const others = notices.filter(({ code }) => code !== 'HostLeftOut');
  return {
    desired,
    status: { kind: 'good', ...times },
    failures: noFailures,
    certified: true,
    losses,
    rescuedAt: out.length === 0 ? undefined : rescuedAt,
    notices: [...others, ...out.map((host) => leftOut(host, desired.secretName))],
  };
}
