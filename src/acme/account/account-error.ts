/**
 * - `unusable-secret`: the account Secret exists but has no usable key; it is never overwritten.
 * - `secret-changed`: another client wrote the account Secret concurrently.
 * - `binding-required`: the CA requires an external account binding and none is configured.
 * - `deactivated`: the account is deactivated or revoked.
 * - `action-required`: the CA requires user action before the account may be used, such as agreeing to new terms.
 * - `refused`: the CA refused to register the account, see `cause`.
 * - `waiting`: the CA refused recently, or lost the account twice within an hour; no request before `retryAt`.
 */
export type AccountErrorKind =
  | 'unusable-secret'
  | 'secret-changed'
  | 'binding-required'
  | 'deactivated'
  | 'action-required'
  | 'refused'
  | 'waiting';

/** No usable ACME account. The message has cause and remedy. */
export class AccountError extends Error {
  override readonly name = 'AccountError';
  readonly code = 'AccountError';
  readonly kind: AccountErrorKind;
  /** Milliseconds since the epoch of the next attempt; undefined if user action is required. */
  readonly retryAt: number | undefined;
  /** A retry may succeed: the CA was unreachable or busy, or the Secret was changed concurrently. */
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
