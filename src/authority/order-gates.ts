import type { OrderBudget, PlannedOrder } from '../../machines/authority/order-budget.ts';
import type { Hold } from '../../machines/ledger/hold.ts';
import { describeHold } from '../../machines/ledger/hold.ts';
import type { Ledger } from '../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import type { CaClock } from '../acme/transport/ca-clock.ts';
import type { LedgerKeeper } from '../ledger/ledger-keeper.ts';
import { OrderTurns } from './order-turns.ts';

export interface OrderGatesOptions {
  readonly ledger: Pick<Ledger, 'refusal' | 'refusedLately'>;
  readonly budget: OrderBudget;
  readonly keeper: Pick<LedgerKeeper, 'coverOrder' | 'coverCertificate'>;
  readonly rateLimits: RateLimits;
  readonly clock: Pick<CaClock, 'now' | 'byMachine'>;
}

/** An order at a gate. */
export interface GatedOrder {
  /** Of its round. */
  readonly id: string;
  readonly identifiers: readonly string[];
  readonly exemption: OrderRequest['exemption'];
}

/**
 * The gates of an order, in this sequence:
 *
 * 1. Room in the CA's limits, which is reserved, and the CA's breaker: checked by the supervisor for all queued rounds (Admission), or
 *    by `admit` without a queue.
 * 2. A usable account (AccountHold).
 * 3. `beforeOrder`: room, if it lost its exemption; the ledger is written; its turn; no refusal or Retry-After of the CA in the
 *    meantime that applies to it.
 * 4. For each request: the Retry-After of its resource (AskedWaits).
 * 5. `beforeCertificate`: the ledger with the possible certificate is written.
 */
export class OrderGates {
  readonly #options: OrderGatesOptions;
  readonly #counts: boolean;
  readonly #turns = new OrderTurns();

  constructor(options: OrderGatesOptions) {
    this.#options = options;
    const { limits } = options.rateLimits;
    const limit = limits['orders-per-account'] ?? limits['certificates-per-registered-domain'];
    this.#counts = limit !== undefined;
  }

  /**
   * Reserves room for an order without admission by the supervisor.
   * @throws StepError if there is no room, or the CA's breaker is open
   */
  admit(planned: PlannedOrder): void {
    const { budget, clock } = this.#options;
    const now = clock.now();
    this.#throwHeld(budget.hold(planned, now));
    if (!budget.enter(planned.id, now)) this.#throwHeld(budget.trouble(now));
    budget.reserve(planned, now);
  }

  /**
   * Resolves when new-order may be sent, with a function that must be called after the CA's answer.
   * @throws StepError, what the ledger's store throws, or the signal's reason
   */
  async beforeOrder(order: GatedOrder, signal: AbortSignal): Promise<() => void> {
    const { budget, clock, keeper, ledger } = this.#options;
    this.#throwHeld(budget.countAs(order.id, order.exemption, clock.now()));
    await keeper.coverOrder(signal);
    const end = await this.#turns.take(this.#sharedBy(order));
    try {
      signal.throwIfAborted();
      const now = clock.now();
      this.#throwHeld(ledger.refusal(order, now) ?? budget.askedWait(now));
      return end;
    } catch (error) {
      end();
      throw error;
    }
  }

  /** @throws what the ledger's store throws, or the signal's reason */
  async beforeCertificate(order: Pick<GatedOrder, 'identifiers'>, signal: AbortSignal): Promise<void> {
    await this.#options.keeper.coverCertificate(order, signal);
  }

  /** @throws StepError if the CA has asked all to wait */
  beforeRegistration(): void {
    const { budget, clock } = this.#options;
    this.#throwHeld(budget.askedWait(clock.now()));
  }

  /**
   * A refusal of one order may also apply to others that have passed the gates: they must not be sent. So orders are sent one after the
   * other if a refusal may apply to both: orders that count for a limit which others may spend as well, orders with a common name (it may
   * be paused), and orders in a scope with a recent refusal.
   */
  #sharedBy({ identifiers, exemption }: GatedOrder): string[] {
    const refused = this.#options.ledger.refusedLately(identifiers);
    if (!this.#counts) return refused;
    return [...refused, ...identifiers, ...(exemption === 'none' ? ['all that is counted'] : [])];
  }

  #throwHeld(hold: Hold | undefined): void {
    if (hold !== undefined) {
      throw new StepError(describeHold({ ...hold, until: this.#options.clock.byMachine(hold.until) }));
    }
  }
}
