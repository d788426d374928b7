import type { OrderBudget } from '../../machines/ca/order-budget.ts';
import { byClock, describeHold } from '../../machines/ingress/hold.ts';
import type { Ledger } from '../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import type { Clock } from '../time/clock.ts';

export interface OrderTurnsOptions {
  readonly ledger: Pick<Ledger, 'refusal' | 'refusedLately'>;
  readonly budget: Pick<OrderBudget, 'askedWait'>;
  readonly rateLimits: RateLimits;
  /** By which the CA's limits are counted. */
  readonly ledgerClock: Pick<Clock, 'now'>;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * The last gate before a new order. What the CA refuses one order may hold for others that were let through before: they must not
 * ask. So one order is asked for after the other where a refusal may be about both: those that a limit counts which others may
 * spend as well, those of the same name (which may be paused), and those of a scope of which one was refused before.
 */
export class OrderTurns {
  readonly #options: OrderTurnsOptions;
  readonly #counts: boolean;
  /** By what they share: the end of the last one that was let in. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(options: OrderTurnsOptions) {
    this.#options = options;
    const { limits } = options.rateLimits;
    const limit = limits['orders-per-account'] ?? limits['certificates-per-registered-domain'];
    this.#counts = limit !== undefined;
  }

  /**
   * Returns when this order may be asked for, and a function that must be called when the CA has answered it.
   * @throws StepError when the CA has refused another order in the meantime for what holds for this one, too, or has asked all to wait; or the signal's reason
   */
  async take(
    order: Pick<OrderRequest, 'identifiers' | 'exemption'>,
    signal: AbortSignal,
  ): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const shared = this.#sharedBy(order);
    const before = shared.flatMap((name) => this.#last.get(name) ?? []);
    for (const name of shared) this.#last.set(name, promise);
    const end = (): void => {
      for (const name of shared) if (this.#last.get(name) === promise) this.#last.delete(name);
      resolve();
    };
    await Promise.all(before);
    const { ledger, budget, clock, ledgerClock } = this.#options;
    try {
      signal.throwIfAborted();
      const caNow = ledgerClock.now();
      const hold = ledger.refusal(order, caNow) ?? budget.askedWait(caNow);
      if (hold !== undefined) throw new StepError(describeHold(byClock(hold, caNow, clock.now())));
      return end;
    } catch (error) {
      end();
      throw error;
    }
  }

  #sharedBy({ identifiers, exemption }: Pick<OrderRequest, 'identifiers' | 'exemption'>): string[] {
    const refused = this.#options.ledger.refusedLately(identifiers);
    if (!this.#counts) return refused;
    return [...refused, ...identifiers, ...(exemption === 'none' ? ['all that is counted'] : [])];
  }
}
