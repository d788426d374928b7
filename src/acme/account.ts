import { Client } from 'acme-client';
import type { Clock } from '../clock.ts';
import { isRecord } from '../kubernetes/json.ts';
import { AccountError } from './account-error.ts';
import {
  type AccountSecret,
  type AccountSecretStore,
  newAccountData,
  readStoredAccount,
  registrationData,
  type StoredAccount,
} from './account-secret.ts';
import { caName } from './connection.ts';
import { AcmeProblem } from './problem.ts';
import { SharedRun } from './shared-run.ts';
import type { AcmeTransport } from './transport.ts';

/** A registered account, ready for orders. */
export interface Account {
  readonly client: Client;
  readonly directoryUrl: string;
  readonly url: string;
  readonly thumbprint: string;
}

export interface AccountOptions {
  readonly transport: AcmeTransport;
  readonly store: AccountSecretStore;
  readonly clock: Clock;
  readonly directoryUrl: string;
  readonly email?: string | undefined;
  /** External account binding (RFC 8555 section 7.3.4): the key in base64url, as the CA hands it out. */
  readonly externalAccount?: { readonly keyId: string; readonly hmacKey: string } | undefined;
  /** A registration was made or found; the terms of service are those that it agreed to. */
  readonly onRegistered?:
    | ((found: { termsOfService: string | undefined; existing: boolean }) => void)
    | undefined;
}

interface Loaded {
  readonly secret: AccountSecret;
  readonly stored: StoredAccount;
  readonly fresh: boolean;
}

const hour = 3_600_000;

/**
 * The one account of this installation. Its key is written before it is registered, its URL after; only a Secret that definitely does
 * not exist makes a new key, and a CA that lost the account gets the same key again, at most once an hour.
 */
export class AccountStore {
  readonly #options: AccountOptions;
  readonly #opening: SharedRun<Account>;
  #account: Account | undefined;
  #thumbprint: string | undefined;
  /** The CA does not know the recorded account: its URL is of no use. */
  #lost = false;
  #registeredAgainAt: number | undefined;
  #refusals = 0;
  #refusal: AccountError | undefined;

  constructor(options: AccountOptions) {
    this.#options = options;
    this.#opening = new SharedRun((signal) => this.#open(signal));
  }

  /** The thumbprint of the account's key, as soon as the Secret was read or written once. */
  thumbprint(): string | undefined {
    return this.#thumbprint;
  }

  /**
   * Reads the key without making one and without asking the CA: for a responder that starts.
   * @returns undefined if there is no account Secret yet
   * @throws AccountError `unusable-secret`, what the store throws, or the signal's reason
   */
  async loadThumbprint(signal: AbortSignal): Promise<string | undefined> {
    const secret = await this.#options.store.read(signal);
    return secret === undefined ? undefined : this.#read(secret).thumbprint;
  }

  /**
   * The account, registered if need be. Callers at the same time share one registration; after a refusal the CA is not asked again
   * before the time in the error.
   * @throws AccountError, AcmeProblem, what the store throws, or the signal's reason
   */
  async ensureAccount(signal: AbortSignal): Promise<Account> {
    signal.throwIfAborted();
    return this.#account ?? this.#opening.join(signal);
  }

  /**
   * Does work with the account. If the CA says in the midst of it that the account does not exist (it was reset), the same key is
   * registered again and the work done once more.
   */
  async withAccount<T>(signal: AbortSignal, work: (account: Account) => Promise<T>): Promise<T> {
    const account = await this.ensureAccount(signal);
    try {
      return await work(account);
    } catch (error) {
      if (!saysAccountIsLost(error)) throw error;
      this.#forget(account, error);
      return work(await this.ensureAccount(signal));
    }
  }

  #forget(account: Account, cause: unknown): void {
    if (this.#account !== account) return;
    const { clock, directoryUrl } = this.#options;
    const retryAt = (this.#registeredAgainAt ?? Number.NEGATIVE_INFINITY) + hour;
    if (clock.now() < retryAt) {
      throw new AccountError(
        'waiting',
        `${caName(directoryUrl)} says again that the account does not exist, less than an hour after it was registered anew. ` +
          `It is registered again after ${new Date(retryAt).toISOString()}; check whether LEGO_URL leads to one CA only.`,
        { cause, retryAt },
      );
    }
    this.#account = undefined;
    this.#lost = true;
  }

  async #open(signal: AbortSignal): Promise<Account> {
    const held = this.#refusal?.retryAt;
    if (this.#refusal !== undefined && held !== undefined && this.#options.clock.now() < held)
      throw this.#refusal;
    const loaded = await this.#load(signal);
    const known = this.#lost ? undefined : loaded.stored.url;
    const client = this.#client(loaded.stored.keyPem, known);
    const url = known ?? (await this.#register(client, loaded, signal));
    const { directoryUrl } = this.#options;
    this.#account = { client, directoryUrl, url, thumbprint: loaded.stored.thumbprint };
    if (this.#lost) this.#registeredAgainAt = this.#options.clock.now();
    this.#lost = false;
    return this.#account;
  }

  async #load(signal: AbortSignal): Promise<Loaded> {
    const { store } = this.#options;
    const found = await store.read(signal);
    if (found !== undefined) return { secret: found, stored: this.#read(found), fresh: false };
    const made = await store.create(await newAccountData(), signal);
    if (made !== undefined) return { secret: made, stored: this.#read(made), fresh: true };
    const theirs = await store.read(signal);
    if (theirs === undefined) throw secretChanged(store.name);
    return { secret: theirs, stored: this.#read(theirs), fresh: false };
  }

  #read(secret: AccountSecret): StoredAccount {
    const stored = readStoredAccount(secret, this.#options.store.name, this.#options.directoryUrl);
    this.#thumbprint = stored.thumbprint;
    return stored;
  }

  /** Finds or makes the account of the key and records its URL. */
  async #register(client: Client, { fresh, secret, stored }: Loaded, signal: AbortSignal): Promise<string> {
    const { directoryUrl, onRegistered, store, transport } = this.#options;
    let existing: boolean;
    try {
      const { termsOfService } = await transport.directory(directoryUrl, signal);
      existing = !fresh && !this.#lost && (await this.#find(client, signal));
      if (!existing) await this.#create(client, signal);
      onRegistered?.({ termsOfService, existing });
    } catch (error) {
      throw this.#refused(error);
    }
    this.#refusals = 0;
    this.#refusal = undefined;
    const url = client.getAccountUrl();
    await this.#record(store, secret, stored, url, signal);
    return url;
  }

  async #record(
    store: AccountSecretStore,
    secret: AccountSecret,
    stored: StoredAccount,
    url: string,
    signal: AbortSignal,
  ): Promise<void> {
    const data = registrationData(url, this.#options.directoryUrl);
    if ((await store.update(secret, data, signal)) !== undefined) return;
    const now = await store.read(signal);
    // Somebody may have added a label; but nothing is recorded beside a key that is not the registered one.
    if (now === undefined || this.#read(now).thumbprint !== stored.thumbprint)
      throw secretChanged(store.name);
    if ((await store.update(now, data, signal)) === undefined) throw secretChanged(store.name);
  }

  /** Whether the CA has an account of this key (RFC 8555 section 7.3.1). */
  async #find(client: Client, signal: AbortSignal): Promise<boolean> {
    try {
      const { value } = await this.#options.transport.call(signal, 'new-account', () =>
        client.createAccount({ onlyReturnExisting: true }),
      );
      if (value.status === 'valid') return true;
      throw this.#deactivated();
    } catch (error) {
      if (error instanceof AcmeProblem && error.type === 'accountDoesNotExist') return false;
      throw error;
    }
  }

  async #create(client: Client, signal: AbortSignal): Promise<void> {
    const { directoryUrl, email, externalAccount, transport } = this.#options;
    const { externalAccountRequired } = await transport.directory(directoryUrl, signal);
    if (externalAccountRequired && externalAccount === undefined) {
      throw new AccountError(
        'binding-required',
        `${caName(directoryUrl)} registers accounts only with an external account binding. ` +
          'Get a key id and an HMAC key from the CA and set LEGO_EAB_KEY_ID and LEGO_EAB_HMAC_KEY.',
      );
    }
    await transport.call(signal, 'new-account', () =>
      client.createAccount({
        termsOfServiceAgreed: true,
        ...(email !== undefined && { contact: [`mailto:${email}`] }),
      }),
    );
  }

  #client(keyPem: string, accountUrl: string | undefined): Client {
    const { directoryUrl, externalAccount } = this.#options;
    const client = new Client({
      directoryUrl,
      accountKey: keyPem,
      ...(accountUrl !== undefined && { accountUrl }),
      ...(externalAccount && {
        externalAccountBinding: { kid: externalAccount.keyId, hmacKey: externalAccount.hmacKey },
      }),
    });
    const http: unknown = Reflect.get(client, 'http');
    if (isRecord(http)) {
      // The transport counts rejected nonces, and caches the directory; acme-client shall leave both to it.
      http['maxBadNonceRetries'] = Number.POSITIVE_INFINITY;
      http['directoryMaxAge'] = -1;
    }
    return client;
  }

  #deactivated(cause?: unknown): AccountError {
    const { directoryUrl, store } = this.#options;
    return new AccountError(
      'deactivated',
      `${caName(directoryUrl)} has deactivated or revoked the account whose key is in Secret ${store.name}. ` +
        'Delete the Secret and restart kube-lego to have a new account made.',
      { cause },
    );
  }

  /** The error of a failed registration; of the CA's it also says when it is tried again: 1, 10, 100 minutes, then daily. */
  #refused(error: unknown): unknown {
    if (!(error instanceof AcmeProblem)) return error;
    if (error.type === 'unauthorized' && /deactivated|revoked/i.test(error.detail))
      return this.#deactivated(error);
    const { clock, directoryUrl } = this.#options;
    const rung = this.#refusals;
    this.#refusals += 1;
    const pause = error.transient
      ? Math.min(5000 * 2 ** rung, 300_000)
      : Math.min(60_000 * 10 ** rung, 24 * hour);
    const retryAt = clock.now() + Math.max(pause, error.retryAfter ?? 0);
    this.#refusal = new AccountError('refused', `No account at ${caName(directoryUrl)}: ${error.message}`, {
      cause: error,
      retryAt,
      transient: error.transient,
    });
    return this.#refusal;
  }
}

function secretChanged(name: string): AccountError {
  return new AccountError(
    'secret-changed',
    `Secret ${name} was changed by somebody else while the account was being registered. It is read again with the next attempt.`,
    { transient: true },
  );
}

function saysAccountIsLost(error: unknown): boolean {
  if (error instanceof AcmeProblem) return error.type === 'accountDoesNotExist';
  return error instanceof Error && error.cause !== undefined && saysAccountIsLost(error.cause);
}
