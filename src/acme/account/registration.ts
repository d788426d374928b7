import { plausibleCaWait } from '../../../machines/time/ca-wait.ts';
import { pauseAfter, refusalLadder, troubleLadder } from '../../../machines/time/ladder.ts';
import type { Clock } from '../../time/clock.ts';
import type { AccountKey } from '../protocol/account-key.ts';
import { SignedRequests, type SignedRequestsOptions } from '../protocol/signed-requests.ts';
import { caName } from '../transport/connection.ts';
import { AcmeProblem } from '../transport/problem.ts';
import type { AcmeTransport } from '../transport/transport.ts';
import { AccountError } from './account-error.ts';
import { accountProblem, deactivated, isDeactivated, refusedFor } from './account-hold.ts';

export interface RegistrationOptions extends Pick<SignedRequestsOptions, 'directoryUrl' | 'externalAccount'> {
  readonly transport: AcmeTransport;
  readonly clock: Clock;
  readonly email?: string | undefined;
  /** A registration was made or found; the terms of service are those that it agreed to. */
  readonly onRegistered?:
    | ((found: { termsOfService: string | undefined; existing: boolean }) => void)
    | undefined;
  /** Called before the CA is asked; throws where it has asked all to wait. */
  readonly beforeAsking?: (() => void) | undefined;
  /** The CA is busy, out of order or out of reach; the wait that it asks for, in milliseconds. */
  readonly onTrouble?: ((retryAfter: number | undefined) => void) | undefined;
}

/** Gets the account of a key from the CA, and leaves the CA alone for a while after a refusal. */
export class Registration {
  readonly #options: RegistrationOptions;
  /** Names where the key is kept, for messages. */
  readonly #keyPlace: string;
  #refusals = 0;
  #refusal: AccountError | undefined;

  constructor(options: RegistrationOptions, keyPlace: string) {
    this.#options = options;
    this.#keyPlace = keyPlace;
  }

  /** @throws AccountError the last refusal, as long as its time has not come */
  throwIfHeld(): void {
    const held = this.#refusal?.retryAt;
    if (held !== undefined && this.#options.clock.now() < held) throw this.#refusal;
  }

  /**
   * Another process was refused, and the CA has asked to wait until then.
   * @param until milliseconds since the epoch
   */
  resume(until: number): void {
    const now = this.#options.clock.now();
    if (this.#refusal !== undefined || until <= now || until > now + plausibleCaWait) return;
    const ca = caName(this.#options.directoryUrl);
    const words = `${ca} refused to make an account before kube-lego was restarted, and has asked to wait until ${new Date(until).toISOString()}.`;
    this.#refusal = new AccountError('waiting', words, { retryAt: until });
  }

  /**
   * Finds the account of the key or makes it.
   * @param mayExist whether it is worth looking for
   * @returns its URL
   * @throws AccountError, or the signal's reason
   */
  async ensure(key: AccountKey, mayExist: boolean, signal: AbortSignal): Promise<string> {
    const { beforeAsking, directoryUrl, externalAccount, onRegistered, transport } = this.#options;
    const requests = new SignedRequests({ transport, directoryUrl, key, externalAccount });
    beforeAsking?.();
    try {
      const { termsOfService } = await transport.directory(directoryUrl, signal);
      const found = mayExist ? await this.#find(requests, signal) : undefined;
      const url = found ?? (await this.#create(requests, signal));
      this.#refusals = 0;
      this.#refusal = undefined;
      onRegistered?.({ termsOfService, existing: found !== undefined });
      return url;
    } catch (error) {
      throw this.#refused(error);
    }
  }

  /** The URL of the key's account, if the CA has one. */
  async #find(requests: SignedRequests, signal: AbortSignal): Promise<string | undefined> {
    try {
      const { url, isValid } = await requests.findAccount(signal);
      if (isValid) return url;
      throw this.#deactivated();
    } catch (error) {
      if (error instanceof AcmeProblem && error.type === 'accountDoesNotExist') return undefined;
      throw error;
    }
  }

  async #create(requests: SignedRequests, signal: AbortSignal): Promise<string> {
    const { directoryUrl, email, externalAccount, transport } = this.#options;
    const { externalAccountRequired } = await transport.directory(directoryUrl, signal);
    if (externalAccountRequired && externalAccount === undefined) {
      throw new AccountError(
        'binding-required',
        `${caName(directoryUrl)} registers accounts only with an external account binding. ` +
          'Get a key id and an HMAC key from the CA and set LEGO_EAB_KID and LEGO_EAB_HMAC_KEY.',
        { retryAt: this.#options.clock.now() + refusedFor },
      );
    }
    return requests.createAccount(signal, email);
  }

  #deactivated(cause?: unknown): AccountError {
    const { clock, directoryUrl } = this.#options;
    return deactivated(directoryUrl, this.#keyPlace, clock.now(), cause);
  }

  /** The error of a failed registration; of the CA's it also says when it is tried again: 1, 10, 100 minutes, then daily. */
  #refused(error: unknown): unknown {
    if (error instanceof AccountError || (error instanceof AcmeProblem && isDeactivated(error))) {
      this.#refusal = error instanceof AccountError ? error : this.#deactivated(error);
      return this.#refusal;
    }
    if (!(error instanceof AcmeProblem)) return error;
    const { clock, directoryUrl, onTrouble } = this.#options;
    if (error.transient) onTrouble?.(error.retryAfter);
    this.#refusals += 1;
    const retryAt = clock.now() + Math.max(pauseOf(error, this.#refusals), error.retryAfter ?? 0);
    this.#refusal = new AccountError('refused', `No account at ${caName(directoryUrl)}: ${error.message}`, {
      cause: error,
      retryAt,
      transient: error.transient,
    });
    return this.#refusal;
  }
}

/** Milliseconds. What only a person can mend is looked at once a day. */
function pauseOf(error: AcmeProblem, refusals: number): number {
  if (accountProblem(error) !== undefined) return refusedFor;
  return pauseAfter(error.transient ? troubleLadder : refusalLadder, refusals);
}
