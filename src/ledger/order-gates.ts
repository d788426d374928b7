import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import type { OrderPhase } from '../acme/order/order.ts';
import type { LedgerKeeper } from './ledger-keeper.ts';
import type { OrderTurns } from './order-turns.ts';

export interface OrderGatesOptions {
  readonly ledger: Pick<LedgerKeeper, 'coverOrder' | 'coverCertificate'>;
  readonly orderTurns: Pick<OrderTurns, 'take'>;
}

/** What one order passes on its way: nothing is asked of the CA before it is written down that it may have been, and before its turn. */
export class OrderGates {
  readonly #options: OrderGatesOptions;
  readonly #hosts: readonly string[];
  readonly #signal: AbortSignal;
  #endTurn: (() => void) | undefined;

  constructor(options: OrderGatesOptions, hosts: readonly string[], signal: AbortSignal) {
    this.#options = options;
    this.#hosts = hosts;
    this.#signal = signal;
  }

  /**
   * Returns when the order may enter this phase.
   * @throws StepError where the CA has refused what this order would ask for, what the ledger's store throws, or the signal's reason
   */
  async pass(phase: OrderPhase, exemption: OrderRequest['exemption']): Promise<void> {
    const { ledger, orderTurns } = this.#options;
    const identifiers = this.#hosts;
    this.end();
    if (phase === 'ordering') {
      await ledger.coverOrder(this.#signal);
      this.#endTurn = await orderTurns.take({ identifiers, exemption }, this.#signal);
    }
    if (phase === 'finalizing') await ledger.coverCertificate({ identifiers }, this.#signal);
  }

  /** Its turn is over, if it has one: to be called at its end, however it ends. */
  end(): void {
    this.#endTurn?.();
  }
}
