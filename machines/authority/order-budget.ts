import type { Hold, Ledger } from '../ledger/ledger.ts';
import type { OrderRequest } from '../ledger/order-limits.ts';
import { minute } from '../time/durations.ts';
import { type Backlog, backlogOf } from './backlog.ts';
import { Breaker } from './breaker.ts';
import type { OrderReport } from './order-report.ts';

/** The order that a round is going to make. */
export interface PlannedOrder {
  /** That of the round. */
  readonly id: string;
  readonly hosts: readonly string[];
  readonly purpose: OrderRequest['purpose'];
  readonly exemption: OrderRequest['exemption'];
  readonly newSet?: OrderRequest['newSet'];
}

/** What those who wait may find otherwise than before: that there is more room, or whether the CA answers. */
export type BudgetChange = 'room' | 'health';

interface Reservation {
  readonly request: OrderRequest;
  /** `sent`: the CA may have counted it. `proven`: a certificate may come of it. */
  stage: 'reserved' | 'sent' | 'proven';
}

/**
 * What the CA lets us order: its limits and its health. A round reserves its order when it is admitted, long before it is
 * sent, so that all who are admitted can be served; what was not sent is given back.
 */
export class OrderBudget {
  readonly #ledger: Ledger;
  readonly #breaker = new Breaker({ threshold: 2, longestProbe: 5 * minute });
  readonly #reservations = new Map<string, Reservation>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /**
   * What keeps this order waiting until its turn, or undefined if there is room for it now.
   * @param queue what those who wait before it are going to take; one that waits is added
   */
  hold(order: PlannedOrder, queue: Map<string, number>, now: number): Hold | undefined {
    return this.#ledger.hold(requestOf(order), now, queue);
  }

  /** What was kept of the last process is known now. */
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
   * The CA is to count an order after all that it was not to count.
   *
   * @returns what keeps it from being made now, or undefined
   */
  countAs(id: string, exemption: OrderRequest['exemption'], now: number): Hold | undefined {
    const reservation = this.#reservations.get(id);
    if (reservation === undefined || reservation.request.exemption === exemption) return undefined;
    const request = { ...reservation.request, exemption };
    // Its own reservation must not stand in its way.
    this.#ledger.orderRefused(reservation.request, now);
    const hold = this.#ledger.hold(request, now);
    this.#ledger.orderCreated(hold === undefined ? request : reservation.request, now);
    if (hold !== undefined) return hold;
    this.#reservations.set(id, { request, stage: reservation.stage });
    return undefined;
  }

  /** What these come to, if they are ordered one after the other. */
  backlog(orders: readonly PlannedOrder[], now: number): Backlog {
    return backlogOf(this.#ledger, orders.map(requestOf), now);
  }

  /** Whether this round may ask the CA now; while the CA is in trouble only one at a time may. */
  enter(id: string, now: number): boolean {
    return this.#breaker.enter(id, now);
  }

  /** What keeps all from asking the CA. */
  trouble(now: number): Hold | undefined {
    const until = this.#breaker.closedUntil(now);
    return until === undefined ? undefined : { cause: 'unavailable', scope: 'the CA', until };
  }

  /** What the CA has asked all to wait for, also those that were let in before. */
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
      case 'CA_TROUBLED':
        this.#breaker.failed(report.id, now, report.retryAfter);
        if (report.retryAfter !== undefined) this.#ledger.learnUnavailable(report.retryAfter, now);
        return 'health';
      default:
        return report satisfies never;
    }
  }

  /**
   * The round has ended. An order without a word of its end stays counted as what may have become of it: an order, or a certificate.
   * @returns whether others may find room that they did not find before
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
