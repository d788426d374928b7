import type { Failure } from '../reasons/reasons.ts';
import type { Block } from './blocks.ts';

/** Why an order must wait. */
export interface Hold {
  /** `attempts`: our own limit of orders without a certificate. `damaged`: what the ledger has counted is not known. */
  readonly cause: Block['cause'] | 'attempts' | 'damaged';
  /** Display name, such as `registered domain example.com`; of a damaged ledger `document 0`. */
  readonly scope: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** What holds an order the longest. */
export interface Gate extends Hold {
  /** Of the limit or the refusal: orders of one purpose and exemption with the same key wait equally. */
  readonly key: string;
  /** It holds all orders of the account with this purpose and exemption. */
  readonly ofAccount: boolean;
}

export function withoutKey(gate: Gate | undefined): Hold | undefined {
  return gate && { cause: gate.cause, scope: gate.scope, until: gate.until };
}

const limits: Readonly<Record<Exclude<Hold['cause'], 'unavailable' | 'attempts' | 'damaged'>, string>> = {
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
  if (cause === 'attempts') return 'orders without a certificate';
  if (cause === 'damaged') return 'the rate-limit ledger is damaged';
  return cause === 'unavailable' ? 'the CA does not answer' : `limit of ${limits[cause]}`;
}

/** Why an order waits. The message has no time, so that one wait is published once. */
export function describeHold({ cause, scope, until }: Hold): Failure {
  if (cause === 'unavailable') {
    return { code: 'CaUnavailable', message: 'The order waits until the CA answers again.', retryAt: until };
  }
  if (cause === 'attempts') {
    const message = `The order waits, because too many orders ended without a certificate (${scope}).`;
    return { code: 'TooManyAttempts', message, retryAt: until };
  }
  if (cause === 'damaged') {
    const message = `The order waits, because ${scope} of the rate-limit ledger could not be read: what it had counted is taken for used up.`;
    return { code: 'LedgerDamaged', message, retryAt: until };
  }
  const message = `The order waits for the CA's ${describeCause(cause)} (${scope}).`;
  return { code: cause === 'paused' ? 'NamePaused' : 'RateLimited', message, retryAt: until };
}
