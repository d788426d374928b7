// A CA as one object: its gates, its orders and their reports. Created by the wiring, one instance per directory; called by the steps
// of a round.

import type { Logger } from 'pino';
import { type BudgetChange, OrderBudget, type PlannedOrder } from '../../machines/authority/order-budget.ts';
import type { OrderReport } from '../../machines/authority/order-report.ts';
import type { Ledger } from '../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { type AccountOptions, AccountStore, type Revocable } from '../acme/account/account.ts';
import type { AccountSecretStore } from '../acme/account/account-secret.ts';
import { type OrderProgress, readProgress } from '../acme/order/order.ts';
import { RenewalInfoSource } from '../acme/order/renewal-info.ts';
import { CaClock } from '../acme/transport/ca-clock.ts';
import { ClockWatch } from '../acme/transport/clock-watch.ts';
import { caName } from '../acme/transport/connection.ts';
import { AcmeTransport, type TransportOptions } from '../acme/transport/transport.ts';
import { createLedger, LedgerKeeper, type LedgerStore } from '../ledger/ledger-keeper.ts';
import type { Clock } from '../time/clock.ts';
import { CaOrder, type WantedCertificate } from './ca-order.ts';
import type { Draining } from './draining.ts';
import { OrderGates } from './order-gates.ts';
import { OrderReports } from './order-reports.ts';
import { Replacements } from './replacements.ts';

export interface CaOptions
  extends Pick<AccountOptions, 'directoryUrl' | 'email' | 'externalAccount' | 'keyTypes'>,
    Pick<TransportOptions, 'userAgent' | 'caBundle' | 'proxy' | 'mayWrite' | 'onRequest'> {
  readonly rateLimits: RateLimits;
  /** Default for certificates without one. */
  readonly profile: string | undefined;
  readonly accountSecret: AccountSecretStore;
  readonly ledgerStore: LedgerStore;
  /** The machine's clock. */
  readonly clock: Clock;
  /** Aborts background writes. */
  readonly signal: AbortSignal;
  readonly draining: Draining;
  readonly log: Logger;
  /** Replaces HTTPS and acme-client, in tests. */
  readonly newTransport?: ((options: TransportOptions) => AcmeTransport) | undefined;
  readonly newAccount?: ((options: AccountOptions) => AccountStore) | undefined;
  /** For observers; the budget has it already. */
  readonly onReport?: ((report: OrderReport) => void) | undefined;
  /** The room for queued orders has changed. */
  readonly onRoomChanged?: ((change: BudgetChange) => void) | undefined;
}

/** An entry of the order journal. */
interface UnfinishedOrder {
  readonly id: string;
  readonly directoryUrl: string;
  readonly hosts: readonly string[];
  readonly exemption: OrderRequest['exemption'];
}

/**
 * One CA: transport, account, clock, budget, and the persistent ledger. With rehearsals there are two instances.
 */
export class CertificateAuthority {
  readonly directoryUrl: string;
  readonly profile: string | undefined;
  readonly rateLimits: RateLimits;
  readonly clock: CaClock;
  readonly transport: AcmeTransport;
  readonly account: AccountStore;
  readonly renewalInfo: RenewalInfoSource;
  readonly ledger: Ledger;
  readonly budget: OrderBudget;
  readonly #options: CaOptions;
  readonly #keeper: LedgerKeeper;
  readonly #gates: OrderGates;
  readonly #replacements = new Replacements();
  #restored = false;
  /** Hosts whose pauses are to be lifted after `restore`. */
  #liftedEarly: string[] = [];

  /** @throws Error if the CA bundle cannot be used */
  constructor(options: CaOptions) {
    const { directoryUrl, rateLimits, signal, log } = options;
    this.#options = options;
    this.directoryUrl = directoryUrl;
    this.profile = options.profile;
    this.rateLimits = rateLimits;
    this.clock = new CaClock(options.clock);
    this.transport = this.#newTransport();
    this.ledger = createLedger(rateLimits, directoryUrl);
    this.budget = new OrderBudget(this.ledger);
    const { budget, clock, ledger, transport } = this;
    this.#keeper = new LedgerKeeper({
      ledger,
      store: options.ledgerStore,
      clock,
      signal,
      onTrouble: (trouble) => {
        // A trouble about a document is a complete sentence.
        if (typeof trouble === 'string') log.warn(trouble);
        else log.warn(trouble, 'The rate-limit ledger could not be read or written; kube-lego tries again.');
      },
    });
    this.#gates = new OrderGates({ ledger, budget, rateLimits, clock });
    this.account = this.#newAccount();
    this.renewalInfo = new RenewalInfoSource({ transport, directoryUrl, clock });
  }

  /** Restores the ledger; to be awaited before the first order. Rejects only with the signal's reason. */
  async restore(): Promise<void> {
    await this.#keeper.restore();
    this.budget.resume(this.clock.now());
    this.#restored = true;
    if (this.#liftedEarly.length > 0) this.liftPauses(this.#liftedEarly);
  }

  /**
   * Counts what a crash has left to the order journal; after `restore` and before the first order.
   * @param entries of the journal, also those of other CAs
   */
  resumeOrders(entries: Iterable<UnfinishedOrder>): void {
    for (const { id, directoryUrl, hosts: identifiers, exemption } of entries) {
      if (directoryUrl !== this.directoryUrl) continue;
      const order = { identifiers, purpose: 'renewal', exemption, newSet: true } as const;
      this.ledger.resumeOrder(id, order, this.clock.now());
    }
  }

  /** This entry of the order journal has ended. */
  settleOrder(entry: string): void {
    this.ledger.settleOrder(entry, this.clock.now());
  }

  /** Resolves when the stored ledger counts all that has ended up to now. Rejects only with the signal's reason. */
  counted(): Promise<void> {
    return this.#keeper.written();
  }

  /**
   * Reserves room for an order without admission by the supervisor; `release` frees it.
   * @throws StepError if there is no room in a limit, or the CA's breaker is open
   */
  admit(planned: PlannedOrder): void {
    this.#gates.admit(planned);
  }

  /** @param id of the round */
  release(id: string): void {
    this.budget.release(id, this.clock.now());
    this.#keeper.changed();
  }

  /** Creates an admitted order. */
  order(wanted: WantedCertificate, signal: AbortSignal): CaOrder {
    const { account, clock, profile, transport } = this;
    const { draining } = this.#options;
    const reports = new OrderReports(wanted.id, wanted.hosts, (report) => this.report(report));
    const gates = this.#gates;
    const keeper = this.#keeper;
    const replacements = this.#replacements;
    const parts = { account, transport, clock, gates, keeper, reports, replacements, draining };
    return new CaOrder(parts, { ...wanted, profile: wanted.profile ?? profile }, signal);
  }

  /**
   * How far the CA is with an order.
   * @param id of the round
   * @throws StepError if the CA has asked all to wait; AcmeProblem, AccountError, what the store of the account throws, or the signal's
   *   reason
   */
  async progressOf(id: string, orderUrl: string, signal: AbortSignal): Promise<OrderProgress> {
    this.#gates.beforeQuestion();
    try {
      return await this.account.withAccount(signal, (account, limit) =>
        readProgress(account, orderUrl, limit),
      );
    } catch (error) {
      const reports = new OrderReports(id, [], (report) => this.report(report));
      if (reports.failed(error)) this.#keeper.refused();
      throw error;
    }
  }

  /**
   * Revokes a certificate (RFC 8555 section 7.6).
   * @throws StepError if the CA has asked all to wait; AcmeProblem, AccountError, what the store of the account throws, or the signal's
   *   reason
   */
  async revoke(certificate: Revocable, signal: AbortSignal): Promise<void> {
    this.#gates.beforeQuestion();
    await this.account.revoke(certificate, signal);
  }

  /** Reports the progress of an order: the only way into the budget and the ledger. */
  report(report: OrderReport): void {
    const change = this.budget.report(report, this.clock.now());
    this.#options.onReport?.(report);
    if (change !== undefined) this.#options.onRoomChanged?.(change);
  }

  /** The owner of these hosts has requested a retry, although the CA had paused them. */
  liftPauses(hosts: readonly string[]): void {
    if (!this.#restored) {
      this.#liftedEarly.push(...hosts);
      return;
    }
    this.budget.liftPauses(hosts);
    this.#keeper.changed();
    this.#options.onRoomChanged?.('room');
  }

  /** Writes pending changes. */
  async drain(): Promise<void> {
    await this.#keeper.drain();
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    await this.transport.close();
  }

  #newTransport(): AcmeTransport {
    const { directoryUrl, userAgent, caBundle, log, mayWrite, onRequest, proxy } = this.#options;
    const clockWatch = new ClockWatch(caName(directoryUrl), log);
    const { newTransport = (options) => new AcmeTransport(options) } = this.#options;
    return newTransport({
      clock: this.clock,
      userAgent,
      caBundle,
      proxy,
      mayWrite,
      onRequest: (report) => {
        onRequest?.(report);
        clockWatch.check(this.clock);
      },
    });
  }

  #newAccount(): AccountStore {
    const { directoryUrl, email, externalAccount, keyTypes, log } = this.#options;
    const { clock, transport } = this;
    const ca = caName(directoryUrl);
    const { newAccount = (options) => new AccountStore(options) } = this.#options;
    return newAccount({
      transport,
      clock,
      store: this.#options.accountSecret,
      directoryUrl,
      email,
      externalAccount,
      keyTypes,
      beforeAsking: () => this.#gates.beforeQuestion(),
      onTrouble: (retryAfter) => {
        this.report({ type: 'CA_UNAVAILABLE', id: 'registration', retryAfter });
        if (retryAfter !== undefined) this.#keeper.refused();
      },
      onRegistered: ({ termsOfService, existing }) => {
        const verb = existing ? 'found' : 'registered';
        log.info({ directory: directoryUrl, termsOfService }, `The ACME account is ${verb}.`);
      },
      onKeyReplaced: (type) =>
        log.warn(
          `${ca} does not accept the type of the account key, which was new: it is replaced by ${type}.`,
        ),
      onRefused: (refusal) => log.error(refusal, `No orders at ${ca}: the ACME account cannot be used.`),
    });
  }
}
