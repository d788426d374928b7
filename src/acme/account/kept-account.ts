import { type AccountKeyType, acceptedKeyType } from '../protocol/account-key.ts';
import type { AcmeProblem } from '../transport/problem.ts';
import { AccountError } from './account-error.ts';
import {
  type AccountChanges,
  type AccountSecret,
  type AccountSecretStore,
  newAccountData,
  readStoredAccount,
  type StoredAccount,
} from './account-secret.ts';

export interface KeptAccountOptions {
  readonly store: AccountSecretStore;
  readonly directoryUrl: string;
  /** Of a new key: the first one, the others for a CA that does not accept it. Without them a key is never replaced. */
  readonly keyTypes?: readonly AccountKeyType[] | undefined;
  /** The key, which no CA had registered, was replaced by one of this type, which the CA accepts. */
  readonly onKeyReplaced?: ((type: AccountKeyType) => void) | undefined;
}

/** The account Secret as read or written last. */
export interface LoadedAccount {
  readonly secret: AccountSecret;
  readonly stored: StoredAccount;
  /** No CA can know the key yet. */
  readonly fresh: boolean;
}

/** The account Secret: its key is made once and kept. */
export class KeptAccount {
  readonly #options: KeptAccountOptions;
  #thumbprint: string | undefined;
  #replaced = false;

  constructor(options: KeptAccountOptions) {
    this.#options = options;
  }

  /** The thumbprint of the key; undefined before the Secret was read or written once. */
  get thumbprint(): string | undefined {
    return this.#thumbprint;
  }

  /**
   * @returns undefined if there is no Secret
   * @throws AccountError `unusable-secret`, what the store throws, or the signal's reason
   */
  async find(signal: AbortSignal): Promise<LoadedAccount | undefined> {
    const secret = await this.#options.store.read(signal);
    return secret === undefined ? undefined : this.#loaded(secret, false);
  }

  /**
   * The Secret as it is now, while the account goes on as it was loaded.
   * @throws like `find`
   */
  async peek(signal: AbortSignal): Promise<LoadedAccount | undefined> {
    const { directoryUrl, store } = this.#options;
    const secret = await store.read(signal);
    return secret && { secret, stored: readStoredAccount(secret, store.name, directoryUrl), fresh: false };
  }

  /**
   * The account, with a new key if there is no Secret (404).
   * @throws AccountError, what the store throws, or the signal's reason
   */
  async load(signal: AbortSignal): Promise<LoadedAccount> {
    const { keyTypes, store } = this.#options;
    const found = await this.find(signal);
    if (found !== undefined) return found;
    const made = await store.create(await newAccountData(keyTypes?.[0]), signal);
    if (made !== undefined) return this.#loaded(made, true);
    const theirs = await this.find(signal);
    if (theirs === undefined) throw this.#changed();
    return theirs;
  }

  /**
   * Replaces a key that no CA has registered by one of a type that this CA accepts, once in a process.
   * @param refusal of the key
   * @returns undefined if the key must be kept
   * @throws AccountError `secret-changed`, what the store throws, or the signal's reason
   */
  async replaceKey(
    { secret, stored }: LoadedAccount,
    { algorithms }: AcmeProblem,
    signal: AbortSignal,
  ): Promise<LoadedAccount | undefined> {
    const { keyTypes = [], onKeyReplaced, store } = this.#options;
    const type = acceptedKeyType(keyTypes, algorithms, stored.key.algorithm);
    if (type === undefined || stored.registered || this.#replaced) return undefined;
    const written = await store.update(secret, await newAccountData(type), signal);
    if (written === undefined) throw this.#changed();
    this.#replaced = true;
    onKeyReplaced?.(type);
    return this.#loaded(written, true);
  }

  /**
   * Writes these fields beside the key.
   * @throws AccountError `secret-changed`, what the store throws, or the signal's reason
   */
  async record(
    { secret, stored }: LoadedAccount,
    data: Readonly<Record<string, Buffer>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { store } = this.#options;
    if ((await store.update(secret, data, signal)) !== undefined) return;
    const now = await this.find(signal);
    // A label may have been added; but record nothing next to another key than the registered one.
    if (now === undefined || now.stored.key.thumbprint !== stored.key.thumbprint) throw this.#changed();
    if ((await store.update(now.secret, data, signal)) === undefined) throw this.#changed();
  }

  /**
   * Changes these fields of the Secret as it was loaded.
   * @returns the account as it is now
   * @throws AccountError `secret-changed`, what the store throws, or the signal's reason
   */
  async change({ secret }: LoadedAccount, data: AccountChanges, signal: AbortSignal): Promise<LoadedAccount> {
    const written = await this.#options.store.update(secret, data, signal);
    if (written === undefined) throw this.#changed();
    return this.#loaded(written, false);
  }

  #loaded(secret: AccountSecret, fresh: boolean): LoadedAccount {
    const stored = readStoredAccount(secret, this.#options.store.name, this.#options.directoryUrl);
    this.#thumbprint = stored.key.thumbprint;
    return { secret, stored, fresh };
  }

  #changed(): AccountError {
    return new AccountError(
      'secret-changed',
      `Secret ${this.#options.store.name} was changed by another client meanwhile. The next attempt reads it again.`,
      { transient: true },
    );
  }
}
