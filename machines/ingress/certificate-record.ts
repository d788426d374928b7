import type { DueReason } from '../assessment/defects.ts';
import { hostsToBlame, leftOut } from '../assessment/rescue.ts';
import { describeHold, type Hold } from '../ledger/hold.ts';
import type { DesiredCertificate } from '../ownership/desired-certificate.ts';
import { type Failure, failureKind } from '../reasons/reasons.ts';
import { day } from '../time/durations.ts';
import { isRateLimit, nextAttempt } from './backoff.ts';
import type { CertificateInput, CertificatePhase } from './certificate.ts';

/** State of one Secret of an Ingress. All times in milliseconds since the epoch. */
export type CertificateStatus =
  | { readonly kind: 'unchecked' }
  | {
      readonly kind: 'good';
      readonly notAfter: number;
      readonly renewAt: number;
      /** An earlier check: to query ARI, or because the Secret may have changed. */
      readonly askAt?: number | undefined;
    }
  | {
      readonly kind: 'working';
      readonly phase: CertificatePhase;
      /** When it entered the phase. */
      readonly since: number;
      readonly round: CertificateInput;
      /** Set while it waits for a limit of the CA, or for the CA to be available. */
      readonly hold?: Hold | undefined;
      /** A check was requested during the round: the Secret may have changed. */
      readonly woken?: true | undefined;
    }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      /** Undefined if only a change helps. */
      readonly nextAttemptAt: number | undefined;
      /** Expiry of the certificate in use, if known. */
      readonly notAfter: number | undefined;
    };

export interface CertificateRecord {
  readonly desired: DesiredCertificate;
  readonly status: CertificateStatus;
  /** Consecutive failures by kind: each kind has its own back-off ladder. */
  readonly failures: { readonly attempt: number; readonly transient: number };
  readonly notices: readonly Failure[];
  /** Times in the past day at which the certificate was found deleted or overwritten; milliseconds since the epoch. */
  readonly losses?: readonly number[] | undefined;
  /** The failing hosts of the last failure about hosts. */
  readonly failing?: readonly string[] | undefined;
  /** Hosts that failed the self-check in an earlier process. */
  readonly answered?: readonly string[] | undefined;
  /** When an order without failing hosts, or to add hosts again, last failed; milliseconds since the epoch. */
  readonly rescuedAt?: number | undefined;
  /** Left-out hosts that passed the last self-check. */
  readonly passed?: readonly string[] | undefined;
}

/** Losses within a day that are repaired at once; after that, back-off applies. */
const repairsAtOnce = 3;
const reasonsOfLoss: ReadonlySet<DueReason> = new Set([
  'missing',
  'empty',
  'unreadable',
  'key-mismatch',
  'hosts-not-covered',
  'issued-elsewhere',
]);
/** Before the renewal time, these mean that an older certificate was restored. */
const reasonsOfAge: ReadonlySet<DueReason> = new Set(['expired', 'near-expiry']);

export const noFailures = { attempt: 0, transient: 0 } as const;

export function unchecked(desired: DesiredCertificate): CertificateRecord {
  return { desired, status: { kind: 'unchecked' }, failures: noFailures, notices: [] };
}

/**
 * Resets the back-off, but not a Retry-After of the CA or the API server. A running round continues, since its order would have to
 * be made again.
 */
export function withoutBackoff(
  { desired, status, notices, rescuedAt }: CertificateRecord,
  at: number,
): CertificateRecord {
  // A retry by the user counts as one passed self-check, but does not allow another order without failing hosts.
  const passed = desired.hosts.map(({ host }) => host);
  const kept = { failures: noFailures, rescuedAt, passed };
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
      // The Secret may have been fixed by hand meanwhile; a held round has made no order yet.
      return status.phase === 'queued' && status.hold !== undefined ? { kind: 'unchecked' } : status;
    default:
      return status;
  }
}

/** Whether only adding left-out hosts has failed. */
export function isAboutReturn({ status }: CertificateRecord): boolean {
  return status.kind === 'failed' && ['HostLeftOut', 'HostReturning'].includes(status.failure.code);
}

/**
 * Records a failure and schedules the next attempt.
 * @param context of its Ingress
 */
export function fail(
  context: { readonly uid: string },
  record: CertificateRecord,
  failure: Failure,
  at: number,
): CertificateRecord {
  // A rate limit is not the certificate's own failure, and must not advance its ladder.
  const kind = isRateLimit(failure) ? 'transient' : failureKind(failure);
  const triedAgain = kind === 'attempt' || kind === 'transient';
  const failures = triedAgain ? { ...record.failures, [kind]: record.failures[kind] + 1 } : noFailures;
  const id = `${context.uid}/${record.desired.secretName}`;
  const notAfter = servingUntil(record.status, at);
  const nextAttemptAt = triedAgain ? nextAttempt(failure, failures[kind], id, at, notAfter) : undefined;
  const status = { kind: 'failed', failure, nextAttemptAt, notAfter } as const;
  return { ...record, status, failures, ...whatFailed(record, failure, at) };
}

/** Whether a good certificate was deleted or overwritten, since `desired` has not changed. */
export function isLoss({ status }: CertificateRecord, reason: DueReason, at: number): boolean {
  if (status.kind !== 'good') return false;
  return reasonsOfLoss.has(reason) || (at < status.renewAt && reasonsOfAge.has(reason));
}

/**
 * Counts a loss. A tool that overwrites the Secret each time must not cause a loop of orders: beyond `repairsAtOnce` within a day, a
 * loss is a failure.
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
  const message = `Secret ${secretName} lost its certificate ${losses.length} times within a day: somebody deletes or overwrites it.`;
  const before = { ...unchecked(record.desired), losses };
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
  // Without an order, the rescue was not attempted: the next attempt may still succeed.
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

/** A limit says nothing about hosts or certificate. */
function isLimit(failure: Failure): boolean {
  return isRateLimit(failure) || failure.code === 'NamePaused';
}

/** Expiry of the certificate that is still in use; for a running round that is `harmAt`. */
function servingUntil(status: CertificateStatus, at: number): number | undefined {
  if (status.kind === 'unchecked') return undefined;
  const notAfter = status.kind === 'working' ? status.round.harmAt : status.notAfter;
  return notAfter !== undefined && notAfter > at ? notAfter : undefined;
}

/** The certificate has been stored; adds notices about hosts left out. */
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
    losses,
    rescuedAt: out.length === 0 ? undefined : rescuedAt,
    notices: [...others, ...out.map((host) => leftOut(host, desired.secretName))],
  };
}

/** The current findings about a Secret: its notices, then its failure or why it waits. */
export function findingsOf({ status, notices }: CertificateRecord): readonly Failure[] {
  if (status.kind === 'failed') return [...notices, status.failure];
  return status.kind === 'working' && status.hold !== undefined
    ? [...notices, describeHold(status.hold)]
    : notices;
}
