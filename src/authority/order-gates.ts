import type { OrderBudget, PlannedOrder } from '../../machines/authority/order-budget.ts';
import { describeHold } from '../../machines/ingress/hold.ts';
import type { Hold, Ledger } from '../../machines/ledger/ledger.ts';
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
 * What an order passes on its way to the CA, in this order:
 *
 * 1. Room in the CA's limits, which is reserved for it, and the CA's health: asked by the supervisor for all that wait (Admission),
 *    or by `admit` where nobody queues.
 * 2. An account that may be used (AccountHold).
 * 3. `beforeOrder`: if it is counted after all, room for that; that it is written down; its turn; and that the CA has refused or
 *    asked nothing in the meantime that holds for it.
 * 4. Each request: what the CA has asked all to wait for its resource (AskedWaits).
 * 5. `beforeCertificate`: that the certificate is written down that may come of it.
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
   * Reserves room for an order that nobody has admitted.
   * @throws StepError if there is none, or if the CA is in trouble
   */
  admit(planned: PlannedOrder): void {
    const { budget, clock } = this.#options;
    const now = clock.now();
    this.#throwHeld(budget.hold(planned, new Map(), now));
    if (!budget.enter(planned.id, now)) this.#throwHeld(budget.trouble(now));
    budget.reserve(planned, now);
  }

  /**
   * Returns when this order may be asked for, with a function that must be called when the CA has answered it.
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
   * What the CA refuses one order may hold for others that were let through before: they must not ask. So one order is asked for after the
   * other where a refusal may be about both: those that a limit counts which others may spend as well, those of the same name (which may be
   * paused), and those of a scope of which one was refused before.
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
