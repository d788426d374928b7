/**
 * - `unusable-secret`: the account Secret exists and holds no key that can be used; it is never overwritten.
 * - `secret-changed`: somebody else wrote the account Secret at the same moment.
 * - `binding-required`: the CA wants an external account binding and none is configured.
 * - `deactivated`: the CA has closed this account.
 * - `action-required`: the CA wants something of a person before the account may be used, such as to agree to new terms.
 * - `refused`: the CA did not register the account, see `cause`.
 * - `waiting`: the CA refused a short time ago, or has lost the account again within the hour; nothing is asked before `retryAt`.
 */
export type AccountErrorKind =
  | 'unusable-secret'
  | 'secret-changed'
  | 'binding-required'
  | 'deactivated'
  | 'action-required'
  | 'refused'
  | 'waiting';

/** There is no ACME account to work with. The message says why and what to do. */
export class AccountError extends Error {
  override readonly name = 'AccountError';
  readonly code = 'AccountError';
  readonly kind: AccountErrorKind;
  /** Milliseconds since the epoch before which nothing is tried; undefined if it depends on a person. */
  readonly retryAt: number | undefined;
  /** Whether it is nobody's failure: the CA was out of reach or busy. */
  readonly transient: boolean;

  constructor(
    kind: AccountErrorKind,
    message: string,
    options: { cause?: unknown; retryAt?: number | undefined; transient?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.retryAt = options.retryAt;
    this.transient = options.transient ?? false;
  }
}
