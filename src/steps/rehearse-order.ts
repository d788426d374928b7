import { inRehearsal, isRehearsed } from '../../machines/assessment/rehearsal.ts';
import type { OrderBudget } from '../../machines/ca/order-budget.ts';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import { byClock, describeHold } from '../../machines/ingress/hold.ts';
import type { Failure } from '../../machines/reasons/reasons.ts';
import { StepError } from '../../machines/reasons/step-error.ts';
import { day } from '../../machines/time/durations.ts';
import type { AccountStore } from '../acme/account/account.ts';
import { type OrderInput, type OrderPhase, placeOrder } from '../acme/order/order.ts';
import { OrderError } from '../acme/transport/order-error.ts';
import type { AcmeTransport } from '../acme/transport/transport.ts';
import { createCsr } from '../certificate/csr.ts';
import { generateKey } from '../certificate/key.ts';
import type { LedgerKeeper } from '../ledger/ledger-keeper.ts';
import { OrderGates, type OrderGatesOptions } from '../ledger/order-gates.ts';
import { OrderReports } from '../ledger/order-reports.ts';
import type { Clock } from '../time/clock.ts';
import { failureOf } from './failures.ts';

export interface RehearsalOptions extends OrderGatesOptions {
  /** The account at the CA of the rehearsal, with the same key: the responder answers for both. */
  readonly account: AccountStore;
  readonly transport: AcmeTransport;
  readonly clock: Clock;
  /** By which the limits of that CA are counted. */
  readonly ledgerClock: Pick<Clock, 'now'>;
  readonly profile: string | undefined;
  /** That CA has paused a name; the link that lifts it is for the eyes of the Ingress's owner only. */
  readonly onPause: (link: string, input: CertificateInput) => void;
  /** What that CA lets us order, and whether it is in trouble. */
  readonly budget: OrderBudget;
  /** What that CA lets us order, kept over the end of the process. */
  readonly ledger: OrderGatesOptions['ledger'] &
    Pick<LedgerKeeper, 'restore' | 'changed' | 'refused' | 'drain'>;
}

type WantedCertificate = Pick<OrderInput, 'hosts' | 'presenterOf' | 'csr' | 'profile'>;

/** Milliseconds. An order that fails at the real CA is not rehearsed again before each new attempt. */
const countsFor = day;
const mostSets = 10_000;

/** Orders at another CA first, so that hosts which are not set up for it cost nothing at the real one. */
export class Rehearsal {
  readonly #options: RehearsalOptions;
  /** When a set of hosts was last rehearsed with success. */
  readonly #passed = new Map<string, number>();

  constructor(options: RehearsalOptions) {
    this.#options = options;
  }

  /**
   * Takes up what was kept of the last process; to be awaited before anything is rehearsed. Rejects with the reason of the keeper's
   * signal only.
   */
  async restore(): Promise<void> {
    const { ledger, budget, ledgerClock } = this.#options;
    await ledger.restore();
    budget.resume(ledgerClock.now());
  }

  /**
   * Resolves when the real CA may be asked.
   * @param presenterOf who proves a host of the round
   * @throws StepError with what failed, or the signal's reason
   */
  async rehearse(
    input: CertificateInput,
    presenterOf: OrderInput['presenterOf'],
    signal: AbortSignal,
  ): Promise<void> {
    if (!isRehearsed(input.reason)) return;
    const { clock } = this.#options;
    const hosts = input.hosts.map(({ host }) => host);
    const set = hosts.toSorted().join();
    if ((this.#passed.get(set) ?? Number.NEGATIVE_INFINITY) > clock.now() - countsFor) return;
    const profile = input.desired.profile ?? this.#options.profile;
    // Its certificate is thrown away, so that the cheapest key will do.
    const csr = await createCsr(hosts, await generateKey('ec-p256'));
    await this.#order(input, { hosts, presenterOf, csr, profile }, signal);
    this.#remember(set, clock.now());
  }

  /** The owner of these hosts says that they may be tried again, although that CA had paused them. */
  liftPauses(hosts: readonly string[]): void {
    const { budget, ledger } = this.#options;
    budget.liftPauses(hosts);
    ledger.changed();
  }

  /** Writes what is left to write. */
  async drain(): Promise<void> {
    await this.#options.ledger.drain();
  }

  /** Ends its connections. */
  async close(): Promise<void> {
    await this.#options.transport.close();
  }

  async #order(input: CertificateInput, wanted: WantedCertificate, signal: AbortSignal): Promise<void> {
    const { id } = input;
    const { account, transport, clock, ledgerClock, budget, ledger, onPause } = this.#options;
    this.#reserve(id, wanted.hosts);
    const reports = new OrderReports(id, wanted.hosts, (report) => budget.report(report, ledgerClock.now()));
    const gates = new OrderGates(this.#options, wanted.hosts, signal);
    const onPhase = async (phase: OrderPhase): Promise<void> => {
      await gates.pass(phase, 'none');
      reports.enters(phase);
    };
    const onOrderMade = (): void => reports.made();
    const order = { ...wanted, transport, clock, signal, onPhase, onOrderMade };
    try {
      await account.withAccount(signal, (account) => placeOrder({ account, ...order }));
    } catch (error) {
      signal.throwIfAborted();
      if (reports.failed(error)) ledger.refused();
      const link = error instanceof OrderError ? error.unpauseUrl : undefined;
      if (link !== undefined) onPause(link, input);
      throw failed(failureOf(error, clock.now()), error);
    } finally {
      gates.end();
      budget.release(id, ledgerClock.now());
      ledger.changed();
    }
  }

  /** @throws StepError where a limit of that CA or its trouble is in the way */
  #reserve(id: string, hosts: readonly string[]): void {
    const { budget, clock, ledgerClock } = this.#options;
    const planned = { id, hosts, purpose: 'first', exemption: 'none' } as const;
    const caNow = ledgerClock.now();
    const hold =
      budget.hold(planned, new Map(), caNow) ?? (budget.enter(id, caNow) ? undefined : budget.trouble(caNow));
    if (hold !== undefined) {
      throw failed(describeHold(byClock(hold, caNow, clock.now())));
    }
    budget.reserve(planned, caNow);
  }

  #remember(set: string, at: number): void {
    this.#passed.delete(set);
    this.#passed.set(set, at);
    const [oldest] = this.#passed.keys();
    if (this.#passed.size > mostSets && oldest !== undefined) this.#passed.delete(oldest);
  }
}

function failed(failure: Failure, cause?: unknown): StepError {
  return new StepError({ ...failure, message: inRehearsal(failure.message) }, { cause });
}
