import type { AccountKey } from '../protocol/account-key.ts';
import { SignedRequests, type SignedRequestsOptions } from '../protocol/signed-requests.ts';
import type { CaClock } from '../transport/ca-clock.ts';
import { caName } from '../transport/connection.ts';
import { AcmeProblem } from '../transport/problem.ts';
import type { AcmeTransport } from '../transport/transport.ts';
import type { AccountHold } from './account-hold.ts';

export interface RegistrationOptions extends Pick<SignedRequestsOptions, 'directoryUrl' | 'externalAccount'> {
  readonly transport: AcmeTransport;
  /** The CA's. */
  readonly clock: CaClock;
  readonly email?: string | undefined;
  /** An account was created or found; with the terms of service agreed to. */
  readonly onRegistered?:
    | ((found: { termsOfService: string | undefined; existing: boolean }) => void)
    | undefined;
  /** Called before the first request; throws during a wait that the CA asked of all requests. */
  readonly beforeAsking?: (() => void) | undefined;
  /** The CA is busy, failing or unreachable; with its Retry-After in milliseconds. */
  readonly onTrouble?: ((retryAfter: number | undefined) => void) | undefined;
}

/** Constant: one registration at a time. */
const id = 'registration';

/** Finds or creates the account of a key. Refusals go to `hold`. */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #hold: AccountHold;

  constructor(options: RegistrationOptions, hold: AccountHold) {
    this.#options = options;
    this.#hold = hold;
  }

  /**
   * Finds the account of the key or creates it.
   * @param mayExist whether to look for it first
   * @param refusedUntil until when the CA refused an earlier process, by the CA's clock
   * @returns its URL
   * @throws AccountError, or the signal's reason
   */
  async ensure(
    key: AccountKey,
    mayExist: boolean,
    refusedUntil: number | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const { beforeAsking, directoryUrl, externalAccount, onRegistered, transport } = this.#options;
    const requests = new SignedRequests({ transport, directoryUrl, key, externalAccount });
    beforeAsking?.();
    this.#hold.enter(id);
    try {
      // The answer sets the CA's clock.
      const { termsOfService } = await transport.directory(directoryUrl, signal);
      if (refusedUntil !== undefined) this.#hold.resume(refusedUntil);
      const found = mayExist ? await this.#find(requests, signal) : undefined;
      const url = found ?? (await this.#create(requests, signal));
      this.#hold.accepted();
      onRegistered?.({ termsOfService, existing: found !== undefined });
      return url;
    } catch (error) {
      if (!(error instanceof AcmeProblem)) throw error;
      if (error.transient) this.#options.onTrouble?.(error.retryAfter);
      throw this.#hold.unregistered(id, error);
    } finally {
      this.#hold.left(id);
    }
  }

  /** The URL of the key's account, if the CA has one. */
  async #find(requests: SignedRequests, signal: AbortSignal): Promise<string | undefined> {
    try {
      const { url, isValid } = await requests.findAccount(signal);
      if (isValid) return url;
      throw this.#hold.deactivated(id);
    } catch (error) {
      if (error instanceof AcmeProblem && error.type === 'accountDoesNotExist') return undefined;
      throw error;
    }
  }

  async #create(requests: SignedRequests, signal: AbortSignal): Promise<string> {
    const { directoryUrl, email, externalAccount, transport } = this.#options;
    const { externalAccountRequired } = await transport.directory(directoryUrl, signal);
    if (externalAccountRequired && externalAccount === undefined) {
      throw this.#hold.refuse(
        id,
        'binding-required',
        `${caName(directoryUrl)} registers accounts only with an external account binding. ` +
          'Get a key id and an HMAC key from the CA and set LEGO_EAB_KID and LEGO_EAB_HMAC_KEY.',
      );
    }
    return requests.createAccount(signal, email);
  }
}
