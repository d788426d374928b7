import { isWithin } from '../../machines/assessment/renewal.ts';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { Account, AccountStore } from '../acme/account/account.ts';
import type { AuthorizationReport } from '../acme/order/authorization.ts';
import {
  type ObtainedCertificate,
  type OrderInput,
  type OrderPhase,
  placeOrder,
} from '../acme/order/order.ts';
import { OrderError } from '../acme/protocol/order-error.ts';
import type { CaClock } from '../acme/transport/ca-clock.ts';
import { AcmeProblem } from '../acme/transport/problem.ts';
import type { AcmeTransport } from '../acme/transport/transport.ts';
import type { LedgerKeeper } from '../ledger/ledger-keeper.ts';
import { untilAborted } from '../time/clock.ts';
import type { Draining } from './draining.ts';
import type { OrderGates } from './order-gates.ts';
import type { OrderReports } from './order-reports.ts';
import type { Replacements } from './replacements.ts';

/** The input of an order. */
export interface WantedCertificate
  extends Pick<
      OrderInput,
      'hosts' | 'presenterOf' | 'csr' | 'profile' | 'preferredChain' | 'onNotice' | 'onAuthorization'
    >,
    Pick<CertificateInput, 'id' | 'exemption' | 'predecessor'> {
  /** The order has entered this phase. */
  readonly onPhase?: (phase: OrderPhase) => void;
  /** The CA has paused a name; only the Ingress's owner may see the link that unpauses it. */
  readonly onPauseLink: (link: string) => void;
  /** All hosts are proven: the CA does not ask for the challenges again. */
  readonly onProven?: () => void;
  /** Undefined for an order whose certificate nobody keeps: no end of the process waits for it. */
  readonly journaling?: OrderJournaling | undefined;
}

/** Keeps an order across crashes. */
export interface OrderJournaling {
  /** URL of an unfinished order to go on with, and when the CA may be asked about it, by its clock. */
  readonly earlierOrder: { readonly url: string; readonly waitUntil: number } | undefined;
  /**
   * Awaited before new-order.
   * @param exemption by which the CA may count it
   * @returns whether an earlier round has sent it for the same entry, with an unknown result
   */
  begin(exemption: CertificateInput['exemption'], signal: AbortSignal): Promise<boolean>;
  /** New-order is sent now. */
  send(): void;
  /** Awaited before the CA validates the hosts. */
  place(orderUrl: string, signal: AbortSignal): Promise<void>;
  /** The CA is not to be asked about the order before this, by its clock: for so many milliseconds. */
  wait(until: number, ms: number): void;
}

/** The parts of the CA that an order uses. */
export interface CaOrderOptions {
  readonly account: Pick<AccountStore, 'withAccount'>;
  readonly transport: AcmeTransport;
  readonly clock: CaClock;
  readonly gates: OrderGates;
  readonly keeper: Pick<LedgerKeeper, 'changed' | 'refused' | 'written'>;
  readonly reports: OrderReports;
  readonly replacements: Replacements;
  readonly draining: Draining;
}

/** What the CA may be at work with, beside the hosts. */
const newOrder = 'new-order';
const certificate = 'certificate';

/** One order at a CA, from the gates to the certificate; its progress is reported to the CA's budget. */
export class CaOrder {
  readonly #options: CaOrderOptions;
  readonly #wanted: WantedCertificate;
  readonly #signal: AbortSignal;
  #exemption: CertificateInput['exemption'];
  /** Whether the request has `replaces`. */
  #replacing = false;
  #endTurn: (() => void) | undefined;

  constructor(options: CaOrderOptions, wanted: WantedCertificate, signal: AbortSignal) {
    this.#options = options;
    this.#wanted = wanted;
    this.#signal = signal;
    this.#exemption = wanted.exemption;
  }

  /** Whether the CA has created the order, now or in an earlier round, also if it failed later. */
  get made(): boolean {
    return this.#options.reports.orderMade || this.#wanted.journaling?.earlierOrder !== undefined;
  }

  /** Until when a refusal of the CA holds the next order for these hosts, by the machine's clock. */
  get refusedUntil(): number | undefined {
    const { hosts: identifiers, exemption } = this.#wanted;
    return this.#options.gates.refusedUntil({ identifiers, exemption });
  }

  /**
   * To be called once.
   * @returns the chain as the CA sent it, PEM
   * @throws OrderError, AccountError, StepError, what the store of the ledger or of the account throws, or the signal's reason
   */
  async obtain(): Promise<string> {
    const { account, keeper, reports } = this.#options;
    try {
      const { chainPem } = await account.withAccount(this.#signal, (held, signal) =>
        this.#place(held, signal),
      );
      return chainPem;
    } catch (error) {
      this.#options.draining.end(this.#wanted.id);
      this.#signal.throwIfAborted();
      // A refusal must be stored: no retry after a crash.
      if (reports.failed(error)) keeper.refused();
      const link = error instanceof OrderError ? error.unpauseUrl : undefined;
      if (link !== undefined) this.#wanted.onPauseLink(link);
      throw error;
    } finally {
      this.#endTurn?.();
      keeper.changed();
    }
  }

  /** Orders with `replaces`; if the CA refuses that, once more without. */
  async #place(account: Account, signal: AbortSignal): Promise<ObtainedCertificate> {
    const { clock, replacements, reports, transport } = this.#options;
    const { hosts, csr, presenterOf, profile, preferredChain, predecessor } = this.#wanted;
    const { journaling, onNotice } = this.#wanted;
    const { renewalInfo } = await transport.directory(account.directoryUrl, signal);
    const order: OrderInput = {
      account,
      transport,
      clock,
      signal,
      hosts,
      presenterOf,
      csr,
      profile,
      preferredChain,
      onNotice,
      onAuthorization: (report) => this.#follow(report),
      onPhase: (phase) => this.#enter(phase, signal),
      onOrderMade: () => reports.made(),
      onPlaced: (url) => this.#record(url, signal),
      // If it drains by then, the CA would validate a host that nobody answers for.
      beforeAnswer: (host, limit) => this.#begin(host, limit),
      onWait: (ms) => {
        this.#isOver(certificate);
        journaling?.wait(clock.now() + ms, ms);
      },
    };
    const id = renewalInfo === undefined ? undefined : predecessor?.id;
    const replaces = id !== undefined && replacements.maySay(id) ? id : undefined;
    this.#replacing = replaces !== undefined;
    try {
      const earlierOrder = journaling?.earlierOrder;
      if (earlierOrder !== undefined) this.#options.gates.beforeQuestion();
      const wait = Math.max(0, (earlierOrder?.waitUntil ?? 0) - clock.now());
      return await placeOrder({
        ...order,
        replaces,
        earlierOrder: earlierOrder && { ...earlierOrder, wait },
      });
    } catch (error) {
      if (replaces !== undefined && isFailureOfNewOrder(error)) replacements.failed(replaces);
      if (!this.#replacing || !isRefusedReplacement(error)) throw error;
      this.#replacing = false;
      return await placeOrder(order);
    }
  }

  async #enter(phase: OrderPhase, signal: AbortSignal): Promise<void> {
    const { gates, keeper, replacements, reports } = this.#options;
    const { id, hosts: identifiers, journaling, predecessor } = this.#wanted;
    this.#endTurn?.();
    if (phase === 'ordering') {
      if (this.#exemption === 'ari' && !this.#isFree()) {
        this.#exemption = predecessor?.otherwise ?? 'none';
      }
      if ((await journaling?.begin(this.#exemption, signal)) === true) {
        reports.repeats();
        // The entry of the journal tells of one order after a crash: the one before is in the ledger then. This takes seconds, after
        // which only the gates know whether the CA wants all to wait.
        await untilAborted(keeper.written(), signal);
      }
      const planned = this.#wanted.exemption;
      const order = { id, identifiers, exemption: this.#exemption, planned };
      this.#endTurn = await gates.beforeOrder(order, signal);
      await this.#begin(newOrder, signal);
      if (predecessor !== undefined) replacements.sent(predecessor.id);
      journaling?.send();
    }
    if (phase === 'downloading') this.#isUnderWay(certificate);
    if (phase === 'finalizing') {
      this.#isUnderWay(certificate);
      this.#wanted.onProven?.();
    }
    reports.enters(phase);
    this.#wanted.onPhase?.(phase);
  }

  async #record(url: string, signal: AbortSignal): Promise<void> {
    await this.#wanted.journaling?.place(url, signal);
    this.#isOver(newOrder);
  }

  #follow(report: AuthorizationReport): void {
    // One that is invalid ends the order in a moment, which is to be told.
    if (report.status === 'valid') this.#isOver(report.host);
    this.#wanted.onAuthorization?.(report);
  }

  /** Resolves when the CA may be asked for this, unless the process drains. */
  async #begin(part: string, signal: AbortSignal): Promise<void> {
    await this.#options.draining.pass(signal);
    this.#isUnderWay(part);
  }

  #isUnderWay(part: string): void {
    if (this.#wanted.journaling !== undefined) this.#options.draining.add(this.#wanted.id, part);
  }

  #isOver(part: string): void {
    this.#options.draining.delete(this.#wanted.id, part);
  }

  /** Whether it is exempt from rate limits: a replacement within the suggested window. */
  #isFree(): boolean {
    const window = this.#wanted.predecessor?.window;
    return this.#replacing && window !== undefined && isWithin(window, this.#options.clock.now());
  }
}

/** Problem types that do not depend on `replaces`: limits, the account, the identifiers. */
const notOfReplacements: ReadonlySet<string> = new Set([
  'rateLimited',
  'accountDoesNotExist',
  'badPublicKey',
  'externalAccountRequired',
  'userActionRequired',
  'caa',
  'dns',
  'rejectedIdentifier',
  'unsupportedIdentifier',
]);

/** Whether the CA itself, not a proxy in front of it, has failed over a new order. */
function isFailureOfNewOrder(error: unknown): boolean {
  if (!(error instanceof OrderError) || !(error.cause instanceof AcmeProblem)) return false;
  const { endpoint, type } = error.cause;
  return endpoint === 'new-order' && type === 'serverInternal';
}

/** Whether the order may have been refused because of `replaces`: there is no common problem type for that. */
function isRefusedReplacement(error: unknown): boolean {
  return (
    error instanceof OrderError &&
    error.kind === 'refused' &&
    !error.transient &&
    error.cause instanceof AcmeProblem &&
    error.cause.endpoint === 'new-order' &&
    !notOfReplacements.has(error.cause.type)
  );
}
