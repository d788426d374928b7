import { describeHold } from '../machines/hold.ts';
import type { RateLimits } from '../machines/limits.ts';
import type { OrderRequest } from '../machines/order-limits.ts';
import type { Ledger } from '../machines/rate-limits.ts';
import type { Clock } from './clock.ts';
import { StepError } from './failures.ts';

export interface OrderTurnsOptions {
  readonly ledger: Pick<Ledger, 'refusal'>;
  readonly rateLimits: RateLimits;
  readonly clock: Clock;
}

/**
 * The last gate before a new order. What the CA refuses one order may hold for others that were let through before: they must not
 * ask. And where it is known to count what others may spend as well, one order is asked for after the other, so that somebody
 * else's spending costs one refusal and not as many as there are orders in flight.
 */
export class OrderTurns {
  readonly #options: OrderTurnsOptions;
  readonly #shared: boolean;
  #last: Promise<void> = Promise.resolve();

  constructor(options: OrderTurnsOptions) {
    this.#options = options;
    const { limits } = options.rateLimits;
    const limit = limits['orders-per-account'] ?? limits['certificates-per-registered-domain'];
    this.#shared = limit !== undefined;
  }

  /**
   * Returns when this order may be asked for, and a function that must be called when the CA has answered it.
   * @throws StepError when the CA has refused another order in the meantime for what holds for this one, too; or the signal's reason
   */
  async take(
    order: Pick<OrderRequest, 'identifiers' | 'exemption'>,
    signal: AbortSignal,
  ): Promise<() => void> {
    const { promise, resolve: end } = Promise.withResolvers<void>();
    if (this.#shared && order.exemption === 'none') {
      const before = this.#last;
      this.#last = before.then(() => promise);
      await before;
    }
    const { ledger, clock } = this.#options;
    try {
      signal.throwIfAborted();
      const hold = ledger.refusal(order, clock.now());
      if (hold !== undefined) throw new StepError(describeHold(hold));
      return end;
    } catch (error) {
      end();
      throw error;
    }
  }
}
