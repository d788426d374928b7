import type { OrderReport } from '../../machines/authority/order-report.ts';
import { readBlock } from '../../machines/ledger/learned-block.ts';
import { AccountError } from '../acme/account/account-error.ts';
import type { OrderPhase } from '../acme/order/order.ts';
import { OrderError } from '../acme/protocol/order-error.ts';
import { AcmeProblem, isRefusedReading } from '../acme/transport/problem.ts';

/** Reports the progress of one round's order at a CA. */
export class OrderReports {
  readonly #id: string;
  readonly #hosts: readonly string[];
  readonly #send: (report: OrderReport) => void;
  #phase: OrderPhase | undefined;
  #made = false;

  constructor(id: string, hosts: readonly string[], send: (report: OrderReport) => void) {
    this.#id = id;
    this.#hosts = hosts;
    this.#send = send;
  }

  /** An earlier round has sent the same order. */
  repeats(): void {
    this.#send({ type: 'ORDER_REPEATED', id: this.#id });
  }

  /** The order is about to enter this phase. */
  enters(phase: OrderPhase): void {
    const id = this.#id;
    if (phase === 'ordering') this.#send({ type: 'ORDER_SENT', id });
    if (phase === 'finalizing') this.#send({ type: 'HOSTS_PROVEN', id, hosts: this.#hosts });
    if (phase === 'downloading') {
      const earlier = this.#phase !== 'finalizing';
      this.#send({ type: 'CERTIFICATE_ISSUED', id, ...(earlier && { counted: true }) });
    }
    this.#phase = phase;
  }

  /** The CA has created the order. */
  made(): void {
    this.#made = true;
    this.#send({ type: 'ORDER_MADE', id: this.#id });
  }

  get orderMade(): boolean {
    return this.#made;
  }

  /**
   * The order has failed.
   * @returns whether it must be stored across restarts: a rate limit, or a Retry-After for all requests
   */
  failed(reason: unknown): boolean {
    const id = this.#id;
    const error =
      reason instanceof AccountError && reason.cause instanceof OrderError ? reason.cause : reason;
    if (isTransient(error)) {
      const retryAfter = retryAfterOf(error);
      this.#send({ type: 'CA_UNAVAILABLE', id, retryAfter });
      return retryAfter !== undefined;
    }
    if (!(error instanceof OrderError)) return false;
    const { cause } = error;
    const block = cause instanceof AcmeProblem && !isRefusedReading(cause) ? readBlock(cause) : undefined;
    if (this.#made) {
      if (isGivenUp(error)) this.#send({ type: 'ORDER_FAILED', id });
      if (block !== undefined) this.#send({ type: 'LIMIT_MET', id, block });
    } else if (this.#phase === 'ordering') this.#send({ type: 'ORDER_REFUSED', id, block });
    const hosts = error.kind === 'challenge-failed' ? error.failures.map(({ host }) => host) : [];
    if (hosts.length > 0) this.#send({ type: 'HOSTS_FAILED', id, hosts });
    return block !== undefined;
  }
}

/** Whether there will certainly be no certificate; unknown for an order that cannot be read or exceeds the time limit. */
function isGivenUp({ kind, cause }: OrderError): boolean {
  if (kind === 'out-of-time') return false;
  return !(cause instanceof AcmeProblem) || cause.endpoint === 'finalize';
}

function isTransient(error: unknown): boolean {
  const known = error instanceof OrderError || error instanceof AcmeProblem || error instanceof AccountError;
  return known && error.transient;
}

function retryAfterOf(error: unknown): number | undefined {
  return error instanceof OrderError || error instanceof AcmeProblem ? error.retryAfter : undefined;
}
