import type { AccountKey } from '../protocol/account-key.ts';
import type { SignedRequestsOptions } from '../protocol/signed-exchange.ts';
import { SignedRequests } from '../protocol/signed-requests.ts';
import { isLastingRefusal } from '../transport/problem.ts';
import { changedKeyData, type RolloverState, refusedKeyData } from './account-secret.ts';
import type { KeptAccount, LoadedAccount } from './kept-account.ts';

export interface KeyChangeOptions extends Pick<SignedRequestsOptions, 'transport' | 'directoryUrl'> {
  readonly kept: KeptAccount;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const registeredElsewhere =
  'The key is registered at another CA than that of LEGO_URL, which would not be told. Change the key with the LEGO_URL of that CA, or ' +
  'after the first order at this one.';

/**
 * The change of the account's key (RFC 8555 section 7.3.5). Both keys are in the Secret until the CA is known to have accepted the new
 * one, so that whichever the CA knows is never lost; which one that is, the CA says.
 */
export class KeyChange {
  readonly #options: KeyChangeOptions;

  constructor(options: KeyChangeOptions) {
    this.#options = options;
  }

  /**
   * The account with the key that the CA knows it by, which is stored then as its only one if that is the next one.
   * @throws AcmeProblem, AccountError `secret-changed`, what the store throws, or the signal's reason
   */
  async resolve(loaded: LoadedAccount, signal: AbortSignal): Promise<LoadedAccount> {
    const { nextKey, url } = loaded.stored;
    if (nextKey === undefined || url === undefined) return loaded;
    return (await this.#knows(nextKey, url, signal)) ? this.#promote(loaded, signal) : loaded;
  }

  /**
   * Changes the key, if that is requested; nobody else may use the account meanwhile.
   * @returns the outcome; undefined if no change is requested
   * @throws AcmeProblem, AccountError `secret-changed`, what the store throws, or the signal's reason: it is to be called again
   */
  async run(signal: AbortSignal): Promise<RolloverState | undefined> {
    const { directoryUrl, kept, transport } = this.#options;
    const found = await kept.find(signal);
    if (found?.stored.nextKey === undefined) return undefined;
    const { key, nextKey, url } = found.stored;
    if (url === undefined) {
      // Its account there would be lost, perhaps for a LEGO_URL that is wrong for a moment.
      if (found.stored.registered) return this.#refuse(found, registeredElsewhere, signal);
      return (await this.#promote(found, signal)).stored.rollover;
    }
    if (!(await this.#knows(nextKey, url, signal))) {
      try {
        await new SignedRequests({ transport, directoryUrl, key }, url).changeKey(signal, nextKey);
      } catch (error) {
        if (!isLastingRefusal(error) || (await this.#knows(nextKey, url, signal))) throw error;
        // A proxy may refuse all, also after the CA has changed the key: only the CA's word for the old one lets the new one go.
        if (!(await this.#knows(key, url, signal))) throw error;
        return this.#refuse(found, error.message, signal);
      }
    }
    return (await this.#promote(found, signal)).stored.rollover;
  }

  async #refuse(loaded: LoadedAccount, message: string, signal: AbortSignal): Promise<RolloverState> {
    const { kept, now } = this.#options;
    const refused: RolloverState = { phase: 'refused', at: now(), message };
    await kept.change(loaded, refusedKeyData(refused), signal);
    return refused;
  }

  async #promote(loaded: LoadedAccount, signal: AbortSignal): Promise<LoadedAccount> {
    const { kept, now } = this.#options;
    return kept.change(loaded, changedKeyData(loaded.secret, { phase: 'changed', at: now() }), signal);
  }

  /** Whether the CA takes this key for the account's: no other one can sign its requests. */
  async #knows(key: AccountKey, url: string, signal: AbortSignal): Promise<boolean> {
    const { directoryUrl, transport } = this.#options;
    try {
      await new SignedRequests({ transport, directoryUrl, key }, url).account(signal, url);
      return true;
    } catch (error) {
      if (isLastingRefusal(error)) return false;
      throw error;
    }
  }
}
