import { day, minute } from '../../../machines/time/durations.ts';
import { caName } from '../transport/connection.ts';
import { AcmeProblem } from '../transport/problem.ts';
import { AccountError } from './account-error.ts';

/** Milliseconds: a person may have dealt with it in the meantime. */
export const refusedFor = day;
/** Milliseconds: so long the others wait for the one that looks. */
const lookFor = minute;

/** The CA's own words, where it says that the account may not be used until a person has done something. */
export function accountProblem(error: unknown): AcmeProblem | undefined {
  if (error instanceof AcmeProblem) return isAboutAccount(error) ? error : undefined;
  return error instanceof Error && error.cause !== undefined ? accountProblem(error.cause) : undefined;
}

export function isDeactivated({ type, detail }: Pick<AcmeProblem, 'type' | 'detail'>): boolean {
  return type === 'unauthorized' && /\baccount\b/i.test(detail) && /deactivated|revoked/i.test(detail);
}

/**
 * @param keyPlace the Secret with the account's key
 * @param now milliseconds since the epoch
 */
export function deactivated(
  directoryUrl: string,
  keyPlace: string,
  now: number,
  cause?: unknown,
): AccountError {
  return new AccountError(
    'deactivated',
    `${caName(directoryUrl)} has deactivated or revoked the account whose key is in Secret ${keyPlace}. ` +
      'Delete the Secret and restart kube-lego to have a new account made.',
    { cause, retryAt: now + refusedFor },
  );
}

function isAboutAccount(problem: AcmeProblem): boolean {
  return ['userActionRequired', 'externalAccountRequired'].includes(problem.type) || isDeactivated(problem);
}

/** Keeps everybody from a CA that has refused the account itself: once a day one may look whether that has changed. */
export class AccountHold {
  readonly #directoryUrl: string;
  readonly #keyPlace: string;
  #refusal: AccountError | undefined;
  /** Milliseconds since the epoch: when the next one may ask. */
  #next = 0;

  constructor(directoryUrl: string, keyPlace: string) {
    this.#directoryUrl = directoryUrl;
    this.#keyPlace = keyPlace;
  }

  /** @throws AccountError the refusal, as long as its time has not come */
  throwIfHeld(now: number): void {
    const refusal = this.#refusal;
    if (refusal === undefined || now >= this.#next) return;
    const { kind, message, cause } = refusal;
    throw refusal.retryAt === this.#next
      ? refusal
      : new AccountError(kind, message, { cause, retryAt: this.#next });
  }

  /**
   * Before the CA is asked with the account.
   * @throws AccountError if somebody else is looking
   */
  enter(now: number): void {
    this.throwIfHeld(now);
    if (this.#refusal !== undefined) this.#next = now + lookFor;
  }

  /** The CA has refused the account. */
  refused(problem: AcmeProblem, cause: unknown, now: number): AccountError {
    if (isDeactivated(problem)) {
      return this.hold(deactivated(this.#directoryUrl, this.#keyPlace, now, cause), now + refusedFor);
    }
    const retryAt = now + refusedFor;
    const words =
      `${caName(this.#directoryUrl)} wants something of a person before the account may be used: ${problem.message} ` +
      'It is asked again once a day, and when kube-lego is restarted.';
    return this.hold(new AccountError('action-required', words, { cause, retryAt }), retryAt);
  }

  /** Nobody asks before this time, in milliseconds since the epoch. */
  hold(refusal: AccountError, until: number): AccountError {
    this.#refusal = refusal;
    this.#next = until;
    return refusal;
  }

  /** The CA has accepted the account. */
  accepted(): void {
    this.#refusal = undefined;
  }
}
