// What the CA currently allows: reservations in its rate limits (the ledger) and its health (the breaker). The supervisor's admission
// asks it before each order; src/authority reports to it how orders went.

import type { Hold } from '../ledger/hold.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { OrderRequest } from '../ledger/order-limits.ts';
import { minute } from '../time/durations.ts';
import { type Backlog, backlogOf } from './backlog.ts';
import { Breaker } from './breaker.ts';
import type { OrderReport } from './order-report.ts';

/** The order that a round will make. */
export interface PlannedOrder {
  /** Of the round. */
  readonly id: string;
  readonly hosts: readonly string[];
  readonly purpose: OrderRequest['purpose'];
  readonly exemption: OrderRequest['exemption'];
  readonly newSet?: OrderRequest['newSet'];
}

/** What has changed for waiting rounds: `room`: capacity was freed; `health`: the CA answers again, or no longer. */
export type BudgetChange = 'room' | 'health';

interface Reservation {
  readonly request: OrderRequest;
  /** `sent`: the CA may have counted it. `proven`: a certificate may be issued. */
  stage: 'reserved' | 'sent' | 'proven';
}

/**
 * Limits and health of the CA. A round reserves its order at admission, long before sending it, so that every admitted round can
 * order; an order that was not sent is returned.
 */
export class OrderBudget {
  readonly #ledger: Ledger;
  readonly #breaker = new Breaker({ threshold: 2, longestProbe: 5 * minute });
  readonly #reservations = new Map<string, Reservation>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /**
   * Why and until when this order must wait; undefined if it need not.
   * @param queue demand of the waiting orders before it; if it waits, its own is added
   */
  hold(order: PlannedOrder, queue: Map<string, number>, now: number): Hold | undefined {
    return this.#ledger.hold(requestOf(order), now, queue);
  }

  /** Called when the ledger of the previous process has been restored. */
  resume(now: number): void {
    const until = this.#ledger.unavailableUntil(now);
    if (until !== undefined) this.#breaker.resume(until);
  }

  liftPauses(hosts: readonly string[]): void {
    this.#ledger.liftPause(hosts);
  }

  reserve(order: PlannedOrder, now: number): void {
    const request = requestOf(order);
    this.#ledger.orderCreated(request, now);
    this.#reservations.set(order.id, { request, stage: 'reserved' });
  }

  /**
   * The order loses its exemption: the CA will count it.
   *
   * @returns why it must wait now, or undefined
   */
  countAs(id: string, exemption: OrderRequest['exemption'], now: number): Hold | undefined {
    const reservation = this.#reservations.get(id);
    if (reservation === undefined || reservation.request.exemption === exemption) return undefined;
    const request = { ...reservation.request, exemption };
    // Release its own reservation first, which would count against it.
    this.#ledger.orderRefused(reservation.request, now);
    const hold = this.#ledger.hold(request, now);
    this.#ledger.orderCreated(hold === undefined ? request : reservation.request, now);
    if (hold !== undefined) return hold;
    this.#reservations.set(id, { request, stage: reservation.stage });
    return undefined;
  }

  /** Forecast for these orders, made in sequence. */
  backlog(orders: readonly PlannedOrder[], now: number): Backlog {
    return backlogOf(this.#ledger, orders.map(requestOf), now);
  }

  /** Whether this round may contact the CA now; while the breaker is open, only one probe at a time may. */
  enter(id: string, now: number): boolean {
    return this.#breaker.enter(id, now);
  }

  /** Set while the breaker keeps all rounds from the CA. */
  trouble(now: number): Hold | undefined {
    const until = this.#breaker.closedUntil(now);
    return until === undefined ? undefined : { cause: 'unavailable', scope: 'the CA', until };
  }

  /** A Retry-After of the CA, which also holds for rounds that already have a slot. */
  askedWait(now: number): Hold | undefined {
    const until = this.#breaker.namedUntil(now);
    return until === undefined ? undefined : { cause: 'unavailable', scope: 'the CA', until };
  }

  report(report: OrderReport, now: number): BudgetChange | undefined {
    const reservation = this.#reservations.get(report.id);
    const wasWell = !this.#breaker.open;
    switch (report.type) {
      case 'ORDER_SENT':
        if (reservation !== undefined) reservation.stage = 'sent';
        return undefined;
      case 'ORDER_MADE':
        this.#breaker.succeeded(now);
        if (reservation !== undefined) this.#ledger.orderMade(reservation.request, now);
        return wasWell ? undefined : 'health';
      case 'ORDER_REFUSED':
        this.#breaker.succeeded(now);
        if (reservation === undefined) return wasWell ? undefined : 'health';
        this.#reservations.delete(report.id);
        this.#ledger.orderRefused(reservation.request, now);
        if (report.block !== undefined) this.#ledger.learn(report.block, reservation.request, now);
        return 'room';
      case 'HOSTS_PROVEN':
        if (reservation !== undefined) reservation.stage = 'proven';
        for (const host of report.hosts) this.#ledger.authorizationSucceeded(host);
        return undefined;
      case 'HOSTS_FAILED':
        for (const host of report.hosts) this.#ledger.authorizationFailed(host, now);
        return undefined;
      case 'CERTIFICATE_ISSUED':
        if (reservation === undefined) return undefined;
        this.#reservations.delete(report.id);
        this.#ledger.certificateIssued(reservation.request, now);
        return undefined;
      case 'ORDER_FAILED':
        if (reservation !== undefined) reservation.stage = 'sent';
        return undefined;
      case 'LIMIT_MET':
        if (reservation !== undefined) this.#ledger.learn(report.block, reservation.request, now);
        return undefined;
      case 'CA_UNAVAILABLE':
        this.#breaker.failed(report.id, now, report.retryAfter);
        if (report.retryAfter !== undefined) this.#ledger.learnUnavailable(report.retryAfter, now);
        return 'health';
      default:
        return report satisfies never;
    }
  }

  /**
   * Called when the round has ended. An order with unknown result stays counted, as an order or as a certificate.
   * @returns whether capacity may have been freed
   */
  release(id: string, now: number): boolean {
    this.#breaker.left(id);
    const reservation = this.#reservations.get(id);
    if (reservation === undefined) return false;
    this.#reservations.delete(id);
    const { request, stage } = reservation;
    if (stage === 'reserved') this.#ledger.orderRefused(request, now);
    else if (stage === 'sent') this.#ledger.orderEnded(request, now);
    else this.#ledger.certificateIssued(request, now);
    return true;
  }
}

function requestOf({ hosts, purpose, exemption, newSet }: PlannedOrder): OrderRequest {
  return { identifiers: hosts, purpose, exemption, newSet };
}
