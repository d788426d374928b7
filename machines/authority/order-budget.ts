// What the CA currently allows: reservations in its rate limits (the ledger) and its health (the breaker). The supervisor's admission
// asks it before each order; src/authority reports to it how orders went.

import { type Gate, type Hold, withoutKey } from '../ledger/hold.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Forecast, SharedLimit } from '../ledger/order-check.ts';
import type { OrderRequest } from '../ledger/order-limits.ts';
import type { LimitName } from '../ledger/rate-limits.ts';
import { minute } from '../time/durations.ts';
import { Attempts } from './attempts.ts';
import { Breaker } from './breaker.ts';
import type { OrderReport } from './order-report.ts';

/** The order that a round will make. */
export interface PlannedOrder {
  /** Of the round. */
  readonly id: string;
  readonly namespace: string;
  readonly hosts: readonly string[];
  readonly purpose: OrderRequest['purpose'];
  readonly exemption: OrderRequest['exemption'];
  readonly newSet?: OrderRequest['newSet'];
}

/** What has changed for waiting rounds: `room`: capacity was freed; `health`: the CA answers again, or no longer. */
export type BudgetChange = 'room' | 'health';

interface Reservation {
  readonly namespace: string;
  readonly request: OrderRequest;
  /** Hosts that the CA could not validate. */
  failed: readonly string[];
  /** That it has no certificate is the CA's doing, or a limit's. */
  excused: boolean;
  /** `sent`: the CA may have counted it. `proven`: a certificate may be issued. */
  stage: 'reserved' | 'sent' | 'proven' | 'refused' | 'issued';
}

/** What a round leaves behind. */
export interface Released {
  /** Capacity may have been freed. */
  readonly freed: boolean;
  /** The limits that it has spent, and that other namespaces may spend. */
  readonly spent: readonly SharedLimit[];
}

/**
 * Limits and health of the CA. A round reserves its order at admission, long before sending it, so that every admitted round can
 * order; an order that was not sent is returned.
 */
export class OrderBudget {
  readonly #ledger: Ledger;
  readonly #breaker = new Breaker({ threshold: 2, longestProbe: 5 * minute });
  readonly #attempts = new Attempts();
  readonly #reservations = new Map<string, Reservation>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Why and until when this order must wait; undefined if it need not. */
  hold(order: PlannedOrder, now: number): Hold | undefined {
    return withoutKey(this.gate(order, now));
  }

  /** @see Ledger.gate */
  gate(order: PlannedOrder, now: number, ahead?: ReadonlyMap<string, number>): Gate | undefined {
    const attempts = this.#attemptsGate(order, now);
    const gate = this.#ledger.gate(requestOf(order), now, ahead);
    return attempts !== undefined && attempts.until > (gate?.until ?? 0) ? attempts : gate;
  }

  /** @see Ledger.foresee */
  foresee(order: PlannedOrder, taken: Map<string, number>, now: number): Forecast {
    const attempts = withoutKey(this.#attemptsGate(order, now));
    const forecast = this.#ledger.foresee(requestOf(order), taken, now);
    return attempts !== undefined && attempts.until > forecast.at
      ? { at: attempts.until, hold: attempts }
      : forecast;
  }

  /** @see Ledger.sharedLimits */
  sharedLimits(order: PlannedOrder): readonly SharedLimit[] {
    return this.#ledger.sharedLimits(requestOf(order));
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
    const { id, namespace } = order;
    this.#reservations.set(id, { namespace, request, stage: 'reserved', failed: [], excused: false });
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
    this.#reservations.set(id, { ...reservation, request });
    return undefined;
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
    const open = reservation === undefined || isOver(reservation) ? undefined : reservation;
    const wasWell = !this.#breaker.open;
    switch (report.type) {
      case 'ORDER_REPEATED':
        if (open !== undefined) this.#ledger.orderSent(open.request, now);
        return undefined;
      case 'ORDER_SENT':
        if (open === undefined) return undefined;
        open.stage = 'sent';
        this.#ledger.orderSent(open.request, now);
        return undefined;
      case 'ORDER_MADE':
        this.#breaker.succeeded(now);
        if (open !== undefined) this.#ledger.orderMade(open.request, now);
        return wasWell ? undefined : 'health';
      case 'ORDER_REFUSED':
        this.#breaker.succeeded(now);
        if (open === undefined) return wasWell ? undefined : 'health';
        open.stage = 'refused';
        this.#ledger.orderRefused(open.request, now);
        if (report.block === undefined) return 'room';
        open.excused = true;
        this.#ledger.learn(report.block, open.request, now);
        return 'room';
      case 'HOSTS_PROVEN':
        if (open !== undefined) open.stage = 'proven';
        for (const host of report.hosts) this.#ledger.authorizationSucceeded(host);
        return undefined;
      case 'HOSTS_FAILED':
        if (reservation !== undefined) reservation.failed = report.hosts;
        for (const host of report.hosts) this.#ledger.authorizationFailed(host, now);
        return undefined;
      case 'CERTIFICATE_ISSUED':
        if (open === undefined) return undefined;
        open.stage = 'issued';
        if (report.counted === true) this.#ledger.orderRefused(open.request, now);
        else this.#ledger.certificateIssued(open.request, now);
        return undefined;
      case 'ORDER_FAILED':
        if (open !== undefined) open.stage = 'sent';
        return undefined;
      case 'LIMIT_MET':
        if (reservation === undefined) return undefined;
        reservation.excused = true;
        this.#ledger.learn(report.block, reservation.request, now);
        return undefined;
      case 'CA_UNAVAILABLE':
        if (reservation !== undefined) reservation.excused = true;
        this.#breaker.failed(report.id, now, report.retryAfter);
        if (report.retryAfter !== undefined) this.#ledger.learnUnavailable(report.retryAfter, now);
        return 'health';
      default:
        return report satisfies never;
    }
  }

  /** Called when the round has ended. An order with unknown result stays counted, as an order or as a certificate. */
  release(id: string, now: number): Released {
    this.#breaker.left(id);
    const reservation = this.#reservations.get(id);
    if (reservation === undefined) return { freed: false, spent: [] };
    this.#reservations.delete(id);
    const { request, stage } = reservation;
    if (stage === 'reserved') this.#ledger.orderRefused(request, now);
    else if (stage === 'sent') this.#ledger.orderEnded(request, now);
    else if (stage === 'proven') this.#ledger.certificateIssued(request, now);
    this.#countAttempt(reservation, now);
    const spent = this.#ledger.sharedLimits(request).filter(({ limit }) => isSpent(limit, stage));
    return { freed: !isOver(reservation), spent };
  }

  #attemptsGate({ namespace, hosts, purpose }: PlannedOrder, now: number): Gate | undefined {
    return this.#attempts.gate(namespace, hosts, purpose === 'first', now);
  }

  #countAttempt({ namespace, request, stage, failed, excused }: Reservation, now: number): void {
    const { identifiers } = request;
    if (stage === 'issued') this.#attempts.succeeded(namespace, identifiers);
    else if (stage !== 'reserved' && !excused) {
      this.#attempts.failed(namespace, failed.length > 0 ? failed : identifiers, now);
    }
  }
}

/** Nothing is reserved for it any more. */
function isOver({ stage }: Reservation): boolean {
  return stage === 'refused' || stage === 'issued';
}

function isSpent(limit: LimitName, stage: Reservation['stage']): boolean {
  if (stage === 'reserved' || stage === 'refused') return false;
  return limit === 'orders-per-account' || stage !== 'sent';
}

function requestOf({ hosts, purpose, exemption, newSet }: PlannedOrder): OrderRequest {
  return { identifiers: hosts, purpose, exemption, newSet };
}
