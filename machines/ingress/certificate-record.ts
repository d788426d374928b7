import type { DueReason } from '../assessment/defects.ts';
import { hostsToBlame, leftOut } from '../assessment/rescue.ts';
import { describeHold, type Hold } from '../ledger/hold.ts';
import type { DesiredCertificate } from '../ownership/desired-certificate.ts';
import { type Failure, failureKind } from '../reasons/reasons.ts';
import { day, second } from '../time/durations.ts';
import { checkPause, jittered } from '../time/ladder.ts';
import { isRateLimit, nextAttempt } from './backoff.ts';
import type { CertificateInput, CertificatePhase } from './certificate.ts';

/** State of one Secret of an Ingress. All times in milliseconds since the epoch. */
export type CertificateStatus =
  | { readonly kind: 'unchecked' }
  | {
      readonly kind: 'good';
      readonly notAfter: number;
      readonly renewAt: number;
      /** A check before the next regular one: the Secret may have changed, or lacks its keystore. */
      readonly checkAt?: number | undefined;
    }
  | {
      readonly kind: 'working';
      readonly phase: CertificatePhase;
      /** When it entered the phase. */
      readonly since: number;
      readonly round: CertificateInput;
      /** Set while it waits for a limit of the CA, or for the CA to be available. */
      readonly hold?: Hold | undefined;
      /** Set while the CA takes long over its order: what it has not done yet. Or while it waits for a record of kube-lego. */
      readonly pending?: Failure | undefined;
      /** A check was requested during the round: the Secret may have changed. */
      readonly woken?: true | undefined;
    }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      /** Undefined if only a change helps. */
      readonly nextAttemptAt: number | undefined;
      /** When to look before that whether a host has appeared which neither the CA nor we could find. */
      readonly lookAt?: number | undefined;
    };

export interface CertificateRecord {
  readonly desired: DesiredCertificate;
  readonly status: CertificateStatus;
  /** Consecutive failures by kind: each kind has its own back-off ladder. */
  readonly failures: { readonly attempt: number; readonly check: number; readonly transient: number };
  readonly notices: readonly Failure[];
  /** End of the certificate in use, whatever the status is; milliseconds since the epoch. Undefined if there is none, or not known. */
  readonly servesUntil?: number | undefined;
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
/** Milliseconds. */
const requeueDelay = second;
const reasonsOfLoss: ReadonlySet<DueReason> = new Set([
  'missing',
  'empty',
  'unreadable',
  'key-mismatch',
  'not-yet-valid',
  'revoked',
  'issuer-missing',
  'hosts-not-covered',
  'issued-elsewhere',
]);
/** Before the renewal time, these mean that an older certificate was restored. */
const reasonsOfAge: ReadonlySet<DueReason> = new Set(['expired', 'near-expiry']);

export const noFailures = { attempt: 0, check: 0, transient: 0 } as const;

/** Of all kinds, in a row. */
export function countOfFailures({ attempt, check, transient }: CertificateRecord['failures']): number {
  return attempt + check + transient;
}

export function unchecked(desired: DesiredCertificate): CertificateRecord {
  return { desired, status: { kind: 'unchecked' }, failures: noFailures, notices: [] };
}

/**
 * Resets the back-off, but not a Retry-After of the CA or the API server. A running round continues, since its order would have to
 * be made again.
 */
export function withoutBackoff(
  { desired, status, notices, servesUntil, rescuedAt }: CertificateRecord,
  at: number,
): CertificateRecord {
  // A retry by the user counts as one passed self-check, but does not allow another order without failing hosts.
  const passed = desired.hosts.map(({ host }) => host);
  const kept = { failures: noFailures, rescuedAt, passed };
  return { desired, status: retriable(status, at), notices, servesUntil, ...kept };
}

function retriable(status: CertificateStatus, at: number): CertificateStatus {
  switch (status.kind) {
    case 'failed': {
      const { code, retryAt } = status.failure;
      // The user says that the pause is lifted, or wants an order looked at that the CA has not finished.
      if (code === 'NamePaused' || code === 'OrderUnfinished') return { kind: 'unchecked' };
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
  if (failure.held === true) return requeued(record, failure, at);
  // A rate limit is not the certificate's own failure, and must not advance its ladder.
  const kind = isRateLimit(failure) ? 'transient' : failureKind(failure);
  const triedAgain = kind === 'attempt' || kind === 'check' || kind === 'transient';
  const failures = triedAgain ? counted(record.failures, kind) : noFailures;
  const id = `${context.uid}/${record.desired.secretName}`;
  const notAfter = servingUntil(record, at);
  const nextAttemptAt = triedAgain ? nextAttempt(failure, failures[kind], id, at, notAfter) : undefined;
  const early = record.status.kind === 'working' ? record.status.round.early : undefined;
  if (early !== undefined && kind === 'check') return lookedAt({ ...record, status: early }, id, at);
  const status = { kind: 'failed', failure, nextAttemptAt } as const;
  const failed = { ...record, status, failures, ...whatFailed(record, failure, at) };
  return failure.unresolved === true ? lookedAt(failed, id, at) : failed;
}

/** It waits for its next attempt, and is looked at before that, at the pace of checks. @param id seed of the jitter */
export function lookedAt(record: CertificateRecord, id: string, at: number): CertificateRecord {
  const { status } = record;
  if (status.kind !== 'failed' || status.nextAttemptAt === undefined) return record;
  const check = record.failures.check + 1;
  const lookAt = at + jittered(checkPause(check), `${id}#${check}`);
  return {
    ...record,
    failures: { ...record.failures, check },
    status: { ...status, lookAt: lookAt < status.nextAttemptAt ? lookAt : undefined },
  };
}

/** It has not failed: it is checked at once, and waits in the queue again. */
function requeued(record: CertificateRecord, failure: Failure, at: number): CertificateRecord {
  return { ...record, status: { kind: 'failed', failure, nextAttemptAt: at + requeueDelay } };
}

/** A check that fails does not count as an attempt; one that has passed begins anew. */
function counted(
  failures: CertificateRecord['failures'],
  kind: keyof CertificateRecord['failures'],
): CertificateRecord['failures'] {
  const passed = kind === 'attempt' ? { check: 0 } : {};
  return { ...failures, ...passed, [kind]: failures[kind] + 1 };
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
  const kind = failureKind(failure);
  const own = (kind === 'attempt' || kind === 'check') && !isLimit(failure);
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

/** End of the certificate that is in use at this time; undefined if none is. */
export function servingUntil({ servesUntil }: CertificateRecord, at: number): number | undefined {
  return servesUntil !== undefined && servesUntil > at ? servesUntil : undefined;
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
    servesUntil: times.notAfter,
    failures: noFailures,
    losses,
    rescuedAt: out.length === 0 ? undefined : rescuedAt,
    notices: [...others, ...out.map((host) => leftOut(host, desired.secretName))],
  };
}

/** The current findings about a Secret: its notices, then its failure or why it waits. */
export function findingsOf({ status, notices }: CertificateRecord): readonly Failure[] {
  if (status.kind === 'failed') return [...notices, status.failure];
  const wait = waitOf(status);
  return wait === undefined ? notices : [...notices, wait];
}

/** Why a round waits, if it does for long. */
export function waitOf(status: CertificateStatus): Failure | undefined {
  if (status.kind !== 'working') return undefined;
  return status.pending ?? (status.hold && describeHold(status.hold));
}
