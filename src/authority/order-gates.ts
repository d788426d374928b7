import type { OrderBudget, PlannedOrder } from '../../machines/authority/order-budget.ts';
import type { Hold } from '../../machines/ledger/hold.ts';
import { describeHold } from '../../machines/ledger/hold.ts';
import type { Ledger } from '../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../machines/ledger/order-limits.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import { minute, second } from '../../machines/time/durations.ts';
import type { CaClock } from '../acme/transport/ca-clock.ts';
import { type Clock, sleep } from '../time/clock.ts';
import { OrderTurns } from './order-turns.ts';

export interface OrderGatesOptions {
  readonly ledger: Pick<Ledger, 'refusal' | 'refusedLately'>;
  readonly budget: OrderBudget;
  readonly rateLimits: RateLimits;
  readonly clock: Pick<CaClock, keyof Clock | 'byMachine'>;
}

/** An order at a gate. */
export interface GatedOrder {
  /** Of its round. */
  readonly id: string;
  readonly identifiers: readonly string[];
  readonly exemption: OrderRequest['exemption'];
  /** The exemption by which it waits in the queue, if it has lost it. */
  readonly planned?: OrderRequest['exemption'];
}

/** Milliseconds. So long an order waits at the gate for the end of a refusal; for a longer one in the queue. */
const longestWait = 15 * second;
const longestWaits = minute;

/**
 * The gates of an order, in this sequence:
 *
 * 1. Room in the CA's limits, which is reserved, and the CA's breaker: checked by the supervisor for all queued rounds (Admission), or
 *    by `admit` without a queue.
 * 2. A usable account (AccountHold).
 * 3. `beforeOrder`: room, if it lost its exemption; its turn; no refusal or Retry-After of the CA in the
 *    meantime that applies to it, or its end after some seconds.
 * 4. For each request: the Retry-After of its resource (AskedWaits).
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
   * @throws StepError, or the signal's reason
   */
  async beforeOrder(order: GatedOrder, signal: AbortSignal): Promise<() => void> {
    const { budget, clock, ledger } = this.#options;
    this.#throwHeld(budget.countAs(order.id, order.exemption, clock.now()));
    const begun = clock.monotonic();
    for (;;) {
      const end = await this.#turns.take(this.#sharedBy(order));
      const now = clock.now();
      const refusal = ledger.refusal(order, now);
      try {
        signal.throwIfAborted();
        if (
          refusal === undefined ||
          refusal.until - now > longestWait ||
          clock.monotonic() - begun > longestWaits
        ) {
          this.#throwRefused(order, refusal, now);
          this.#throwHeld(budget.askedWait(now));
          return end;
        }
      } catch (error) {
        end();
        throw error;
      }
      end();
      await sleep(clock, refusal.until - now, signal);
    }
  }

  /** Until when a refusal of the CA holds this order, by the machine's clock; undefined if none does. */
  refusedUntil(order: Pick<GatedOrder, 'identifiers' | 'exemption'>): number | undefined {
    const { clock, ledger } = this.#options;
    const until = ledger.refusal(order, clock.now())?.until;
    return until && clock.byMachine(until);
  }

  /**
   * Before a request that is not part of a new order.
   * @throws StepError if the CA has asked all to wait
   */
  beforeQuestion(): void {
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

  /** The queue holds the order for the same refusal, unless it has lost its exemption: then its next attempt is at the end. */
  #throwRefused(
    { identifiers, exemption, planned = exemption }: GatedOrder,
    refusal: Hold | undefined,
    now: number,
  ): void {
    const { ledger, clock } = this.#options;
    if (refusal === undefined) return;
    const queued = ledger.refusal({ identifiers, exemption: planned }, now) !== undefined;
    const failure = describeHold({ ...refusal, until: clock.byMachine(refusal.until) });
    throw new StepError(queued ? { ...failure, held: true } : failure);
  }

  #throwHeld(hold: Hold | undefined): void {
    if (hold !== undefined) {
      throw new StepError(describeHold({ ...hold, until: this.#options.clock.byMachine(hold.until) }));
    }
  }
}
