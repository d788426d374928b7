// The ACME account: its key in a Secret, its registration, and the hold after a refusal. Used by the CA object
// (src/authority), which does each order inside `withAccount`.

import { hour } from '../../../machines/time/durations.ts';
import type { AccountKey } from '../protocol/account-key.ts';
import { OrderError } from '../protocol/order-error.ts';
import { type OrderRequests, SignedRequests } from '../protocol/signed-requests.ts';
import { resolution } from '../transport/ca-clock.ts';
import { caName } from '../transport/connection.ts';
import { AcmeProblem } from '../transport/problem.ts';
import { SharedRun } from '../transport/shared-run.ts';
import { AccountError } from './account-error.ts';
import { AccountHold, accountProblem } from './account-hold.ts';
import { type RolloverState, refusalData, registrationData, rolloverData } from './account-secret.ts';
import { AccountUses } from './account-uses.ts';
import { KeptAccount, type KeptAccountOptions, type LoadedAccount } from './kept-account.ts';
import { KeyChange } from './key-change.ts';
import { type FoundAccount, Registration, type RegistrationOptions } from './registration.ts';

/** A registered account, ready for orders. */
export interface Account {
  readonly requests: OrderRequests;
  readonly directoryUrl: string;
  readonly url: string;
  readonly thumbprint: string;
}

/** What the account store keeps of it. */
interface OpenAccount extends Account {
  readonly requests: SignedRequests;
}

/** A certificate to revoke (RFC 8555 section 7.6). */
export interface Revocable {
  /** DER. */
  readonly certificate: Buffer;
  /** Code of RFC 5280 section 5.3.1. */
  readonly reason: number;
  /** The certificate's own key, to sign in place of the account. */
  readonly key?: AccountKey | undefined;
}

export interface AccountOptions extends RegistrationOptions, KeptAccountOptions {
  /** The account cannot be used; called once for each refusal, however many callers wait. */
  readonly onRefused?: ((refusal: AccountError) => void) | undefined;
}

/**
 * The account of this installation. The key is written before the registration, the URL after it. A new key is made only if the
 * Secret does not exist (404), or if the CA does not accept its type and none has registered it; if the CA has lost the account, the same key is registered again, at most once an hour.
 */
export class AccountStore {
  readonly #options: AccountOptions;
  readonly #registration: Registration;
  readonly #opening: SharedRun<OpenAccount>;
  readonly #hold: AccountHold;
  readonly #kept: KeptAccount;
  readonly #users: AccountUses;
  readonly #keyChange: KeyChange;
  #account: OpenAccount | undefined;
  /** Counts how often what was read of the Secret is outdated. */
  #reading = 0;
  #uses = 0;
  /** The CA does not know the recorded account URL. */
  #lost = false;
  #registeredAgainAt: number | undefined;
  #lastReported: AccountError | undefined;

  constructor(options: AccountOptions) {
    this.#options = options;
    this.#hold = new AccountHold(options.directoryUrl, options.store.name, options.clock);
    this.#users = new AccountUses(options.clock);
    this.#kept = new KeptAccount(options);
    this.#keyChange = new KeyChange({ ...options, kept: this.#kept, now: () => options.clock.now() });
    this.#registration = new Registration(options, this.#hold);
    this.#opening = new SharedRun((signal) => this.#reportingRefusals(this.#open(signal)));
  }

  /** The thumbprint of the account key; undefined before the Secret was read or written once, as by `ensureAccount`. */
  thumbprint(): string | undefined {
    return this.#kept.thumbprint;
  }

  /**
   * The account, registered if necessary. Concurrent callers share one registration; after a refusal there is no request before the
   * time in the error.
   * @throws AccountError, AcmeProblem, what the store throws, or the signal's reason
   */
  ensureAccount(signal: AbortSignal): Promise<Account> {
    return this.#ensure(signal);
  }

  async #ensure(signal: AbortSignal): Promise<OpenAccount> {
    signal.throwIfAborted();
    if (this.#account === undefined) return this.#opening.join(signal);
    this.#hold.throwIfHeld();
    return this.#account;
  }

  /**
   * Whether another key is requested for the account; if so, the Secret says from now on that orders in flight are waited for.
   * @throws AccountError, what the store throws, or the signal's reason
   */
  async announceKeyChange(signal: AbortSignal): Promise<boolean> {
    const found = await this.#kept.peek(signal);
    if (found?.stored.nextKey === undefined) return false;
    if (found.stored.rollover?.phase === 'draining') return true;
    const draining = rolloverData({ phase: 'draining', at: this.#options.clock.now() });
    await this.#kept.change(found, draining, signal);
    return true;
  }

  /**
   * Changes the key of the account, if that is requested, when nothing is in flight with the old one: see `alone`.
   * @returns the outcome; undefined if no change is requested
   * @throws AcmeProblem, AccountError, what the store throws, or the signal's reason: it is to be called again
   */
  changeKey(signal: AbortSignal): Promise<RolloverState | undefined> {
    return this.alone(signal, async () => {
      this.#options.beforeAsking?.();
      return this.#keyChange.run(signal);
    });
  }

  /**
   * Runs `work` when nothing is in flight with the account, which is interrupted after five minutes; afterwards its key is read again.
   * @throws what the work throws, or the signal's reason
   */
  alone<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#users.alone(signal, async () => {
      try {
        return await work();
      } finally {
        this.#account = undefined;
        this.#reading += 1;
      }
    });
  }

  /**
   * Resolves when the key is not being changed any more, which holds up `withAccount`; undefined if it is not now.
   * @throws the signal's reason
   */
  afterKeyChange(signal: AbortSignal): Promise<void> | undefined {
    return this.#users.free(signal);
  }

  /**
   * Runs `work` with the account. If the CA answers `accountDoesNotExist` (it was reset), the same key is registered again and the
   * work repeated once. If it requires user action, there is no request for a day.
   * @param work its signal is aborted with the given one, and with an OrderError `out-of-time` if it keeps the key from being changed
   */
  async withAccount<T>(
    signal: AbortSignal,
    work: (account: Account, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#users.shared(signal, (limit) => this.#withAccount(limit, (account) => work(account, limit)));
  }

  async #withAccount<T>(signal: AbortSignal, work: (account: Account) => Promise<T>): Promise<T> {
    const account = await this.ensureAccount(signal);
    try {
      return await this.#held(work, account);
    } catch (error) {
      if (!isAccountLost(error)) throw error;
      this.#forget(account, error);
      return this.#held(work, await this.ensureAccount(signal));
    }
  }

  /**
   * Revokes a certificate. A refusal is about the certificate, and does not hold the account.
   * @throws AccountError, AcmeProblem, what the store throws, or the signal's reason
   */
  async revoke({ certificate, reason, key }: Revocable, signal: AbortSignal): Promise<void> {
    const { directoryUrl, transport } = this.#options;
    if (key !== undefined) {
      await new SignedRequests({ transport, directoryUrl, key }).revoke(signal, certificate, reason);
      return;
    }
    await this.#users.shared(signal, async () => {
      const { requests } = await this.#ensure(signal);
      await requests.revoke(signal, certificate, reason);
    });
  }

  async #held<T>(work: (account: Account) => Promise<T>, account: Account): Promise<T> {
    this.#uses += 1;
    const id = `use ${this.#uses}`;
    this.#hold.enter(id);
    try {
      const result = await work(account);
      this.#hold.accepted();
      return result;
    } catch (error) {
      const problem = accountProblem(error);
      if (problem === undefined) {
        if (error instanceof OrderError && !error.transient) this.#hold.accepted();
        throw error;
      }
      const refusal = this.#hold.unusable(id, problem, error);
      this.#options.onRefused?.(refusal);
      throw refusal;
    } finally {
      this.#hold.left(id);
    }
  }

  /** Reports a refusal that ends this work. */
  async #reportingRefusals<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof AccountError && !error.transient && this.#lastReported !== error) {
        this.#lastReported = error;
        this.#options.onRefused?.(error);
      }
      throw error;
    }
  }

  #forget(account: Account, cause: unknown): void {
    if (this.#account !== account) return;
    const { clock, directoryUrl } = this.#options;
    const wait = (this.#registeredAgainAt ?? Number.NEGATIVE_INFINITY) + hour - clock.monotonic();
    if (wait > 0) {
      const time = new Date(clock.byMachine(clock.now() + wait)).toISOString();
      const message =
        `${caName(directoryUrl)} has lost the account again, less than an hour after it was registered again. ` +
        `The next registration is after ${time}; check that LEGO_URL leads to one CA only.`;
      const refusal = this.#hold.refuse('', 'waiting', message, wait, { cause });
      this.#options.onRefused?.(refusal);
      throw refusal;
    }
    this.#account = undefined;
    this.#lost = true;
  }

  async #open(signal: AbortSignal): Promise<OpenAccount> {
    this.#hold.throwIfHeld();
    const reading = this.#reading;
    const loaded = await this.#keyChange.resolve(await this.#kept.load(signal), signal);
    const { key: storedKey, url: known } = loaded.stored;
    const { key, url } =
      known === undefined || this.#lost
        ? await this.#register(loaded, signal)
        : { key: storedKey, url: known };
    const { directoryUrl, transport } = this.#options;
    const requests = new SignedRequests({ transport, directoryUrl, key }, url);
    const account = { requests, directoryUrl, url, thumbprint: key.thumbprint };
    // Its key may have been changed meanwhile.
    if (reading === this.#reading) this.#account = account;
    if (this.#lost) this.#registeredAgainAt = this.#options.clock.monotonic();
    this.#lost = false;
    return account;
  }

  /** Finds or creates the account of the key and records its URL. */
  async #register(loaded: LoadedAccount, signal: AbortSignal): Promise<FoundAccount> {
    const { clock, directoryUrl } = this.#options;
    let current = loaded;
    const wanted = {
      key: loaded.stored.key,
      mayExist: !loaded.fresh && !this.#lost,
      refusedUntil: loaded.stored.refusedUntil,
      otherKey: async (refusal: AcmeProblem): Promise<AccountKey | undefined> => {
        const replaced = await this.#kept.replaceKey(loaded, refusal, signal);
        current = replaced ?? loaded;
        return replaced?.stored.key;
      },
    };
    try {
      const found = await this.#registration.ensure(wanted, signal);
      await this.#kept.record(current, registrationData(found.url, directoryUrl), signal);
      return found;
    } catch (error) {
      const until = askedToWait(error, clock.now());
      // This process waits in any case; a failed write must not hide the refusal.
      if (until !== undefined)
        await this.#kept.record(current, refusalData(until, directoryUrl), signal).catch(() => undefined);
      throw error;
    }
  }
}

/** Until when the CA refuses to register, if it says so. The wait of a busy CA is in the ledger instead. */
function askedToWait(error: unknown, now: number): number | undefined {
  if (!(error instanceof AccountError) || error.transient || !(error.cause instanceof AcmeProblem))
    return undefined;
  const { retryAfter, status } = error.cause;
  // Another refusal may be over when a setting has been corrected.
  if (retryAfter === undefined || status !== 429) return undefined;
  // The next process may know the CA's time to be later than this one does.
  return now + retryAfter + resolution;
}

function isAccountLost(error: unknown): boolean {
  if (error instanceof AcmeProblem) return error.type === 'accountDoesNotExist';
  return error instanceof Error && error.cause !== undefined && isAccountLost(error.cause);
}
