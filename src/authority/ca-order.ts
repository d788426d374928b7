import { isWithin } from '../../machines/assessment/renewal.ts';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { Account, AccountStore } from '../acme/account/account.ts';
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
import type { OrderGates } from './order-gates.ts';
import type { OrderReports } from './order-reports.ts';

/** The input of an order. */
export interface WantedCertificate
  extends Pick<
      OrderInput,
      'hosts' | 'presenterOf' | 'csr' | 'profile' | 'preferredChain' | 'onNotice' | 'onAuthorization'
    >,
    Pick<CertificateInput, 'id' | 'exemption' | 'predecessor'> {
  /** The CA has paused a name; only the Ingress's owner may see the link that unpauses it. */
  readonly onPauseLink: (link: string) => void;
}

/** The parts of the CA that an order uses. */
export interface CaOrderOptions {
  readonly account: Pick<AccountStore, 'withAccount'>;
  readonly transport: AcmeTransport;
  readonly clock: CaClock;
  readonly gates: OrderGates;
  readonly keeper: Pick<LedgerKeeper, 'changed' | 'refused'>;
  readonly reports: OrderReports;
}

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

  /** Whether the CA has created the order, also if it failed later. */
  get made(): boolean {
    return this.#options.reports.orderMade;
  }

  /**
   * To be called once.
   * @returns the chain as the CA sent it, PEM
   * @throws OrderError, AccountError, StepError, what the store of the ledger or of the account throws, or the signal's reason
   */
  async obtain(): Promise<string> {
    const { account, keeper, reports } = this.#options;
    try {
      const { chainPem } = await account.withAccount(this.#signal, (held) => this.#place(held));
      return chainPem;
    } catch (error) {
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
  async #place(account: Account): Promise<ObtainedCertificate> {
    const { clock, reports, transport } = this.#options;
    const { hosts, presenterOf, csr, profile, preferredChain, predecessor } = this.#wanted;
    const { onNotice, onAuthorization } = this.#wanted;
    const { renewalInfo } = await transport.directory(account.directoryUrl, this.#signal);
    const order: OrderInput = {
      account,
      transport,
      clock,
      signal: this.#signal,
      hosts,
      presenterOf,
      csr,
      profile,
      preferredChain,
      onNotice,
      onAuthorization,
      onPhase: (phase) => this.#enter(phase),
      onOrderMade: () => reports.made(),
    };
    const replaces = renewalInfo === undefined ? undefined : predecessor?.id;
    this.#replacing = replaces !== undefined;
    try {
      return await placeOrder({ ...order, replaces });
    } catch (error) {
      if (!this.#replacing || !isRefusedReplacement(error)) throw error;
      this.#replacing = false;
      return await placeOrder(order);
    }
  }

  async #enter(phase: OrderPhase): Promise<void> {
    const { gates, reports } = this.#options;
    const { id, hosts: identifiers } = this.#wanted;
    this.#endTurn?.();
    if (phase === 'ordering') {
      if (this.#exemption === 'ari' && !this.#isFree()) {
        this.#exemption = this.#wanted.predecessor?.otherwise ?? 'none';
      }
      const order = { id, identifiers, exemption: this.#exemption };
      this.#endTurn = await gates.beforeOrder(order, this.#signal);
    }
    if (phase === 'finalizing') await gates.beforeCertificate({ identifiers }, this.#signal);
    reports.enters(phase);
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
