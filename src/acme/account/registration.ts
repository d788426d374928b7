import type { AccountKey } from '../protocol/account-key.ts';
import type { SignedRequestsOptions } from '../protocol/signed-exchange.ts';
import { SignedRequests } from '../protocol/signed-requests.ts';
import type { CaClock } from '../transport/ca-clock.ts';
import { caName } from '../transport/connection.ts';
import { AcmeProblem } from '../transport/problem.ts';
import type { AcmeTransport } from '../transport/transport.ts';
import type { AccountHold } from './account-hold.ts';
import { getBinding, mayRegisterAfter, refusesKey, whatIsMissing } from './registration-refusal.ts';

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

/** The account to find or to create. */
export interface WantedAccount {
  readonly key: AccountKey;
  /** Whether to look for it first. */
  readonly mayExist: boolean;
  /** Until when the CA refused an earlier process, by the CA's clock. */
  readonly refusedUntil: number | undefined;
  /** A key of another type, because the CA refuses this one; undefined if there must not be one. */
  readonly otherKey: (refusal: AcmeProblem) => Promise<AccountKey | undefined>;
}

export interface FoundAccount {
  readonly key: AccountKey;
  readonly url: string;
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
   * @throws AccountError, what `otherKey` throws, or the signal's reason
   */
  async ensure(wanted: WantedAccount, signal: AbortSignal): Promise<FoundAccount> {
    const { beforeAsking, directoryUrl, onRegistered, transport } = this.#options;
    beforeAsking?.();
    this.#hold.enter(id);
    try {
      // The answer sets the CA's clock.
      const { termsOfService } = await transport.directory(directoryUrl, signal);
      if (wanted.refusedUntil !== undefined) this.#hold.resume(wanted.refusedUntil);
      const { existing, ...found } = await this.#ensure(wanted, signal);
      this.#hold.accepted();
      onRegistered?.({ termsOfService, existing });
      return found;
    } catch (error) {
      if (!(error instanceof AcmeProblem)) throw error;
      if (error.transient) this.#options.onTrouble?.(error.retryAfter);
      const remedy = whatIsMissing(error, { ...this.#options, keyPlace: this.#hold.keyPlace });
      throw this.#hold.unregistered(id, error, remedy);
    } finally {
      this.#hold.left(id);
    }
  }

  /** If the CA refuses this type of key, once more with the other one. */
  async #ensure(
    { key, mayExist, otherKey }: WantedAccount,
    signal: AbortSignal,
  ): Promise<FoundAccount & { readonly existing: boolean }> {
    try {
      const found = mayExist ? await this.#find(this.#requests(key), signal) : undefined;
      const url = found ?? (await this.#create(this.#requests(key), signal));
      return { key, url, existing: found !== undefined };
    } catch (error) {
      const other = error instanceof AcmeProblem && refusesKey(error) ? await otherKey(error) : undefined;
      if (other === undefined) throw error;
      return { key: other, url: await this.#create(this.#requests(other), signal), existing: false };
    }
  }

  #requests(key: AccountKey): SignedRequests {
    const { directoryUrl, externalAccount, transport } = this.#options;
    return new SignedRequests({ transport, directoryUrl, key, externalAccount });
  }

  /**
   * The URL of the key's account, if the CA has one. Some CAs refuse a look-up for what only a registration has, such as the external
   * account binding: then the registration shows it.
   */
  async #find(requests: SignedRequests, signal: AbortSignal): Promise<string | undefined> {
    try {
      const { url, isValid } = await requests.findAccount(signal);
      if (isValid) return url;
      throw this.#hold.deactivated(id);
    } catch (error) {
      if (error instanceof AcmeProblem && mayRegisterAfter(error)) return undefined;
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
        `${caName(directoryUrl)} registers accounts only with an external account binding. ` + getBinding,
      );
    }
    return requests.createAccount(signal, email);
  }
}
