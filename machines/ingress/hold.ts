import type { Hold } from '../ledger/ledger.ts';
import type { Failure } from '../reasons/reasons.ts';
import type { CertificateRecord } from './certificate-record.ts';

const limits: Readonly<Record<Exclude<Hold['cause'], 'unavailable'>, string>> = {
  'orders-per-account': 'new orders',
  'certificates-per-registered-domain': 'certificates of a registered domain',
  'certificates-per-exact-set': 'certificates for the same names',
  'authorization-failures': 'failed validations of a host',
  'consecutive-authorization-failures': 'consecutive failed validations of a host',
  blocked: 'an unknown kind',
  paused: 'orders for a paused name',
};

/** What an order waits for, for display. */
export function describeCause(cause: Hold['cause']): string {
  return cause === 'unavailable' ? 'the CA does not answer' : `limit of ${limits[cause]}`;
}

/** Why an order waits. The message has no time, so that one wait is published once. */
export function describeHold({ cause, scope, until }: Hold): Failure {
  if (cause === 'unavailable') {
    return { code: 'CaUnavailable', message: 'The order waits until the CA answers again.', retryAt: until };
  }
  const message = `The order waits for the CA's ${describeCause(cause)} (${scope}).`;
  return { code: cause === 'paused' ? 'NamePaused' : 'RateLimited', message, retryAt: until };
}

/** The current findings about a Secret: its notices, then its failure or why it waits. */
export function findingsOf({ status, notices }: CertificateRecord): readonly Failure[] {
  if (status.kind === 'failed') return [...notices, status.failure];
  return status.kind === 'working' && status.hold !== undefined
    ? [...notices, describeHold(status.hold)]
    : notices;
}
