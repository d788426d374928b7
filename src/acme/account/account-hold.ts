import { Breaker } from '../../../machines/authority/breaker.ts';
import { plausibleCaWait } from '../../../machines/time/ca-wait.ts';
import { day, minute, second } from '../../../machines/time/durations.ts';
import { pauseAfter, refusalLadder } from '../../../machines/time/ladder.ts';
import type { CaClock } from '../transport/ca-clock.ts';
import { caName } from '../transport/connection.ts';
import { AcmeProblem } from '../transport/problem.ts';
import { AccountError } from './account-error.ts';

/** Milliseconds; long enough for user action. */
const refusedFor = day;

/** The CA's problem if it says that the account needs user action. */
export function accountProblem(error: unknown): AcmeProblem | undefined {
  if (error instanceof AcmeProblem) return isAboutAccount(error) ? error : undefined;
  return error instanceof Error && error.cause !== undefined ? accountProblem(error.cause) : undefined;
}

/** The account of this key exists, and is deactivated or revoked. */
export function isDeactivated({ type, detail }: Pick<AcmeProblem, 'type' | 'detail'>): boolean {
  return type === 'unauthorized' && /\baccount\b/i.test(detail) && /deactivated|revoked/i.test(detail);
}

function isAboutAccount(problem: AcmeProblem): boolean {
  return ['userActionRequired', 'externalAccountRequired'].includes(problem.type) || isDeactivated(problem);
}

/** Circuit breaker for an account that the CA refuses to register or to accept: after a pause one request probes. */
export class AccountHold {
  /** The Secret with the account's key, for messages. */
  readonly keyPlace: string;
  readonly #ca: string;
  readonly #clock: CaClock;
  readonly #breaker = new Breaker({ threshold: 1, longestProbe: minute });
  #refusal: AccountError | undefined;

  constructor(directoryUrl: string, keyPlace: string, clock: CaClock) {
    this.#ca = caName(directoryUrl);
    this.keyPlace = keyPlace;
    this.#clock = clock;
  }

  /** @throws AccountError the last refusal, until its time is over and while another request probes */
  throwIfHeld(): void {
    const until = this.#breaker.closedUntil(this.#clock.now());
    if (this.#refusal === undefined || until === undefined) return;
    const { kind, message, cause, retryAt = 0, transient } = this.#refusal;
    const at = this.#clock.byMachine(until);
    // The machine's clock may have been set in the meantime.
    if (Math.abs(at - retryAt) > second) {
      throw new AccountError(kind, message, { cause, retryAt: at, transient });
    }
    throw this.#refusal;
  }

  /**
   * To be called before each use of the account or its registration.
   * @param id of the caller
   * @throws AccountError if it is held
   */
  enter(id: string): void {
    if (!this.#breaker.enter(id, this.#clock.now())) this.throwIfHeld();
  }

  /** The CA has accepted the account. */
  accepted(): void {
    this.#breaker.succeeded(this.#clock.now());
  }

  /** The use ended without a result for the account. */
  left(id: string): void {
    this.#breaker.left(id);
  }

  /**
   * The CA, or a check of ours, refused the registration.
   * @param remedy in place of the usual one of such a problem
   */
  unregistered(id: string, error: AcmeProblem, remedy?: string): AccountError {
    if (isDeactivated(error)) return this.deactivated(id, error);
    const message = `No account at ${this.#ca}: ${error.saidWith(remedy)}`;
    const about = { cause: error, transient: error.transient };
    if (error.transient) {
      this.#breaker.failed(id, this.#clock.now(), error.retryAfter);
      return this.#remember('refused', message, about);
    }
    const own = isAboutAccount(error) ? refusedFor : pauseAfter(refusalLadder, this.#breaker.failures + 1);
    return this.refuse(id, 'refused', message, Math.max(own, error.retryAfter ?? 0), about);
  }

  /** The CA refused a request of the account. */
  unusable(id: string, problem: AcmeProblem, cause: unknown): AccountError {
    if (isDeactivated(problem)) return this.deactivated(id, cause);
    const message =
      `${this.#ca} requires user action before the account may be used: ${problem.message} ` +
      'kube-lego tries again once a day and after a restart.';
    return this.refuse(id, 'action-required', message, refusedFor, { cause });
  }

  deactivated(id: string, cause?: unknown): AccountError {
    const message =
      `${this.#ca} has deactivated or revoked the account whose key is in Secret ${this.keyPlace}. ` +
      'Delete the Secret and restart kube-lego to register a new account.';
    return this.refuse(id, 'deactivated', message, refusedFor, { cause });
  }

  /** @param pause milliseconds without requests */
  refuse(
    id: string,
    kind: AccountError['kind'],
    message: string,
    pause = refusedFor,
    about: { readonly cause?: unknown } = {},
  ): AccountError {
    this.#breaker.failed(id, this.#clock.now(), pause);
    return this.#remember(kind, message, about);
  }

  /**
   * Restores the refusal that an earlier process met.
   * @param until milliseconds since the epoch, by the CA's clock
   * @throws AccountError if `until` is in the future and the CA has not answered since
   */
  resume(until: number): void {
    const now = this.#clock.now();
    if (this.#refusal !== undefined || until <= now || until > now + plausibleCaWait) return;
    this.#breaker.resume(until);
    const time = new Date(until).toISOString();
    const message = `${this.#ca} refused to register an account before kube-lego was restarted: no new attempt until ${time}.`;
    throw this.#remember('waiting', message, {});
  }

  #remember(
    kind: AccountError['kind'],
    message: string,
    about: { readonly cause?: unknown; readonly transient?: boolean },
  ): AccountError {
    const until = this.#breaker.closedUntil(this.#clock.now());
    const retryAt = until && this.#clock.byMachine(until);
    this.#refusal = new AccountError(kind, message, { ...about, retryAt });
    return this.#refusal;
  }
}
