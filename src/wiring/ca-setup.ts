import type { Logger } from 'pino';
import { OrderBudget } from '../../machines/ca/order-budget.ts';
import type { Ledger } from '../../machines/ledger/ledger.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import { AcmeTransport, type RequestReport, type TransportOptions } from '../acme/transport/transport.ts';
import { LedgerClock } from '../ledger/ledger-clock.ts';
import { createLedger, LedgerKeeper, type LedgerStore } from '../ledger/ledger-keeper.ts';
import { OrderTurns } from '../ledger/order-turns.ts';
import type { Clock } from '../time/clock.ts';

export interface CaSetupOptions extends Pick<TransportOptions, 'userAgent' | 'caBundle'> {
  readonly directoryUrl: string;
  readonly rateLimits: RateLimits;
  /** Where the ledger of this CA is kept. */
  readonly documents: LedgerStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told of the ledger's troubles. */
  readonly log: Logger;
  /** Told of each request, with the transport that made it. */
  readonly onRequest?: (report: RequestReport, transport: AcmeTransport) => void;
}

/** The way to a CA, what it lets us order by its own clock, and how that outlives the process. */
export interface CaSetup {
  readonly transport: AcmeTransport;
  readonly ledgerClock: LedgerClock;
  readonly ledger: Ledger;
  readonly budget: OrderBudget;
  readonly keeper: LedgerKeeper;
  readonly orderTurns: OrderTurns;
}

/** @throws Error if the CA bundle cannot be used */
export function setUpCa(options: CaSetupOptions): CaSetup {
  const { directoryUrl, rateLimits, documents, userAgent, caBundle, clock, signal, log, onRequest } = options;
  const ledgerClock = new LedgerClock({ clock, steady: () => performance.now() });
  const transport: AcmeTransport = new AcmeTransport({
    clock,
    userAgent,
    caBundle,
    onRequest: (report) => {
      onRequest?.(report, transport);
      // Of this answer: what earlier ones told is older than the last jump of our clock may be.
      ledgerClock.observe(report.clockSkew);
    },
  });
  const ledger = createLedger(rateLimits, directoryUrl);
  const budget = new OrderBudget(ledger);
  const keeper = new LedgerKeeper({
    ledger,
    store: documents,
    clock: ledgerClock,
    signal,
    onTrouble: (trouble) => {
      // A sentence about a document says it all.
      if (typeof trouble === 'string') log.warn(trouble);
      else log.warn(trouble, 'The rate-limit ledger is not as it should be.');
    },
  });
  const orderTurns = new OrderTurns({ ledger, budget, rateLimits, ledgerClock, clock });
  return { transport, ledgerClock, ledger, budget, keeper, orderTurns };
}
