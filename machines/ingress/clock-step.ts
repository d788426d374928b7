import type { Failure } from '../reasons/reasons.ts';
import type { CertificateRecord, CertificateStatus } from './certificate-record.ts';
import type { IngressContext } from './ingress-context.ts';

/**
 * The clock was set: what this process waits for is moved along, so that it comes neither earlier nor later. The times of certificates,
 * and of what is recorded on them, stay: they mean the time of day.
 *
 * @param by milliseconds, negative if it was set back
 * @param at the time after that
 */
export function applyClockStep(context: IngressContext, by: number, at: number): IngressContext {
  const moved = (time: number): number => time + by;
  const { nextCheckAt, since, retriedAt, certificates, earlier } = context;
  return {
    ...context,
    at,
    since: moved(since),
    nextCheckAt: nextCheckAt && moved(nextCheckAt),
    retriedAt: retriedAt.map(moved),
    certificates: certificates.map((record) => movedRecord(record, by)),
    earlier: earlier.map((one) => ({ record: movedRecord(one.record, by), at: moved(one.at) })),
  };
}

function movedRecord(record: CertificateRecord, by: number): CertificateRecord {
  const { losses } = record;
  return {
    ...record,
    status: movedStatus(record.status, by),
    ...(losses === undefined ? {} : { losses: losses.map((time) => time + by) }),
  };
}

function movedStatus(status: CertificateStatus, by: number): CertificateStatus {
  switch (status.kind) {
    case 'unchecked':
      return status;
    case 'good':
      return status.checkAt === undefined ? status : { ...status, checkAt: status.checkAt + by };
    case 'working': {
      const { hold, pending, round, since } = status;
      const { early } = round;
      return {
        ...status,
        since: since + by,
        ...(early === undefined
          ? {}
          : { round: { ...round, early: { ...early, ...movedFailure(early, by) } } }),
        ...(hold === undefined ? {} : { hold: { ...hold, until: hold.until + by } }),
        ...(pending === undefined ? {} : { pending: movedRetry(pending, by) }),
      };
    }
    case 'failed': {
      const { lookAt } = status;
      return {
        ...status,
        ...movedFailure(status, by),
        ...(lookAt === undefined ? {} : { lookAt: lookAt + by }),
      };
    }
    default:
      return status satisfies never;
  }
}

interface FailedStatus {
  readonly failure: Failure;
  readonly nextAttemptAt: number | undefined;
}

function movedFailure({ failure, nextAttemptAt }: FailedStatus, by: number): FailedStatus {
  return { failure: movedRetry(failure, by), nextAttemptAt: nextAttemptAt && nextAttemptAt + by };
}

function movedRetry(failure: Failure, by: number): Failure {
  const { retryAt } = failure;
  return retryAt === undefined ? failure : { ...failure, retryAt: retryAt + by };
}
