import type { Ledger } from '../ledger/ledger.ts';
import type { OrderRequest } from '../ledger/order-limits.ts';
import { day } from '../time/durations.ts';

/** Forecast for a queue of orders, if there are no others. */
export interface Backlog {
  readonly orders: number;
  /** How many of them fit into the limits within 24 hours. */
  readonly withinDay: number;
  /** When the last one fits, in milliseconds since the epoch. */
  readonly lastAt: number;
}

/** @param now milliseconds since the epoch, by the CA's clock */
export function backlogOf(
  ledger: Pick<Ledger, 'timeAfter'>,
  orders: readonly OrderRequest[],
  now: number,
): Backlog {
  const taken = new Map<string, number>();
  let withinDay = 0;
  let lastAt = now;
  for (const order of orders) {
    const at = ledger.timeAfter(order, taken, now);
    if (at <= now + day) withinDay += 1;
    lastAt = Math.max(lastAt, at);
  }
  return { orders: orders.length, withinDay, lastAt };
}
