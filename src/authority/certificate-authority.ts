import type { Logger } from 'pino';
import type { Backlog } from '../../machines/authority/backlog.ts';
import { type BudgetChange, OrderBudget, type PlannedOrder } from '../../machines/authority/order-budget.ts';
import type { OrderReport } from '../../machines/authority/order-report.ts';
import type { Ledger } from '../../machines/ledger/ledger.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { type AccountOptions, AccountStore } from '../acme/account/account.ts';
import type { AccountSecretStore } from '../acme/account/account-secret.ts';
import { RenewalInfoSource } from '../acme/order/renewal-info.ts';
import { CaClock } from '../acme/transport/ca-clock.ts';
import { ClockWatch } from '../acme/transport/clock-watch.ts';
import { caName } from '../acme/transport/connection.ts';
import { AcmeTransport, type TransportOptions } from '../acme/transport/transport.ts';
import { createLedger, LedgerKeeper, type LedgerStore } from '../ledger/ledger-keeper.ts';
import type { Clock } from '../time/clock.ts';
import { CaOrder, type WantedCertificate } from './ca-order.ts';
import { OrderGates } from './order-gates.ts';
import { OrderReports } from './order-reports.ts';

export interface CaOptions
  extends Pick<AccountOptions, 'directoryUrl' | 'email' | 'externalAccount'>,
    Pick<TransportOptions, 'userAgent' | 'caBundle' | 'onRequest'> {
  readonly rateLimits: RateLimits;
  /** For certificates that ask for none. */
  readonly profile: string | undefined;
  readonly accountSecret: AccountSecretStore;
  readonly ledgerStore: LedgerStore;
  /** The machine's. */
  readonly clock: Clock;
  /** Monotonic milliseconds; `performance.now` if not given. */
  readonly monotonic?: (() => number) | undefined;
  /** Ends what is written in the background. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** In place of HTTPS and acme-client. */
  readonly newTransport?: ((options: TransportOptions) => AcmeTransport) | undefined;
  readonly newAccount?: ((options: AccountOptions) => AccountStore) | undefined;
  /** For who watches; the budget knows already. */
  readonly onReport?: ((report: OrderReport) => void) | undefined;
  /** Those who wait may find something else than before. */
  readonly onRoomChanged?: ((change: BudgetChange) => void) | undefined;
}

/**
 * One CA: the way to it, the account, its time, what it lets us order and how that outlives the process. There are two beside each other
 * where orders are rehearsed.
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
  #restored = false;
  /** Hosts whose pauses are to be lifted when it is known which ones there are. */
  #liftedEarly: string[] = [];

  /** @throws Error if the CA bundle cannot be used */
  constructor(options: CaOptions) {
    const { directoryUrl, rateLimits, signal, log } = options;
    this.#options = options;
    this.directoryUrl = directoryUrl;
    this.profile = options.profile;
    this.rateLimits = rateLimits;
    this.clock = new CaClock(options.clock, options.monotonic);
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
        // A sentence about a document says it all.
        if (typeof trouble === 'string') log.warn(trouble);
        else log.warn(trouble, 'The rate-limit ledger is not as it should be.');
      },
    });
    this.#gates = new OrderGates({ ledger, budget, keeper: this.#keeper, rateLimits, clock });
    this.account = this.#newAccount();
    this.renewalInfo = new RenewalInfoSource({ transport, directoryUrl, clock });
  }

  /** Takes up what was kept of the last process: to be awaited before anything is ordered. Rejects with the signal's reason only. */
  async restore(): Promise<void> {
    await this.#keeper.restore();
    this.budget.resume(this.clock.now());
    this.#restored = true;
    if (this.#liftedEarly.length > 0) this.liftPauses(this.#liftedEarly);
  }

  /**
   * Reserves room for an order that no queue has admitted; `release` gives it back.
   * @throws StepError if a limit or the CA's trouble is in the way
   */
  admit(planned: PlannedOrder): void {
    this.#gates.admit(planned);
  }

  /** @param id of the round */
  release(id: string): void {
    this.budget.release(id, this.clock.now());
    this.#keeper.changed();
  }

  /** An order that has been admitted. */
  order(wanted: WantedCertificate, signal: AbortSignal): CaOrder {
    const { account, clock, profile, transport } = this;
    const reports = new OrderReports(wanted.id, wanted.hosts, (report) => this.report(report));
    const parts = { account, transport, clock, gates: this.#gates, keeper: this.#keeper, reports };
    return new CaOrder(parts, { ...wanted, profile: wanted.profile ?? profile }, signal);
  }

  /** What becomes of an order: the only way into the budget and the ledger. */
  report(report: OrderReport): void {
    const change = this.budget.report(report, this.clock.now());
    this.#options.onReport?.(report);
    if (change !== undefined) this.#options.onRoomChanged?.(change);
  }

  /** What these come to if they are ordered one after the other; undefined if there are none. Its time is that of the machine's clock. */
  backlog(orders: readonly PlannedOrder[]): Backlog | undefined {
    if (orders.length === 0) return undefined;
    const backlog = this.budget.backlog(orders, this.clock.now());
    return { ...backlog, lastAt: this.clock.byMachine(backlog.lastAt) };
  }

  /** The owner of these hosts says that they may be tried again, although the CA had paused them. */
  liftPauses(hosts: readonly string[]): void {
    if (!this.#restored) {
      this.#liftedEarly.push(...hosts);
      return;
    }
    this.budget.liftPauses(hosts);
    this.#keeper.changed();
    this.#options.onRoomChanged?.('room');
  }

  /** Writes what is left to write. */
  async drain(): Promise<void> {
    await this.#keeper.drain();
  }

  /** Ends its connections. */
  async close(): Promise<void> {
    await this.transport.close();
  }

  #newTransport(): AcmeTransport {
    const { directoryUrl, userAgent, caBundle, log, onRequest } = this.#options;
    const clockWatch = new ClockWatch(caName(directoryUrl), log);
    const { newTransport = (options) => new AcmeTransport(options) } = this.#options;
    return newTransport({
      clock: this.clock,
      userAgent,
      caBundle,
      onRequest: (report) => {
        onRequest?.(report);
        clockWatch.look(this.clock);
      },
    });
  }

  #newAccount(): AccountStore {
    const { directoryUrl, email, externalAccount, log } = this.#options;
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
      beforeAsking: () => this.#gates.beforeRegistration(),
      onTrouble: (retryAfter) => {
        this.report({ type: 'CA_TROUBLED', id: 'registration', retryAfter });
        if (retryAfter !== undefined) this.#keeper.refused();
      },
      onRegistered: ({ termsOfService, existing }) => {
        const verb = existing ? 'found' : 'registered';
        log.info({ directory: directoryUrl, termsOfService }, `The ACME account is ${verb}.`);
      },
      onRefused: (refusal) =>
        log.error(refusal, `Nothing can be ordered from ${ca}: the ACME account cannot be used.`),
    });
  }
}
