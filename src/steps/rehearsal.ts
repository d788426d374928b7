import type { CertificateInput } from '../../machines/certificate.ts';
import type { DueReason } from '../../machines/defects.ts';
import { describeHold } from '../../machines/hold.ts';
import type { OrderBudget } from '../../machines/order-budget.ts';
import type { Failure } from '../../machines/reasons.ts';
import type { AccountStore } from '../acme/account.ts';
import { type OrderPhase, obtainCertificate as placeOrder } from '../acme/order.ts';
import type { AcmeTransport } from '../acme/transport.ts';
import { createCsr } from '../certificate/csr.ts';
import { generateKey } from '../certificate/key.ts';
import type { Clock } from '../clock.ts';
import { failureOf, StepError } from '../failures.ts';
import { OrderReports } from '../order-reports.ts';

export interface RehearsalOptions {
  /** The account at the CA of the rehearsal, with the same key: the responder answers for both. */
  readonly account: AccountStore;
  readonly transport: AcmeTransport;
  readonly clock: Clock;
  readonly profile: string | undefined;
  /** What that CA lets us order, and whether it is in trouble. */
  readonly budget: OrderBudget;
}

/** Milliseconds. An order that fails at the real CA is not rehearsed again before each new attempt. */
const countsFor = 86_400_000;
const mostSets = 10_000;
/** What is ordered for the first time, as far as can be seen. */
const firstTime: ReadonlySet<DueReason> = new Set(['missing', 'empty', 'hosts-not-covered', 'host-left-out']);

/** Orders at another CA first, so that hosts which are not set up for it cost nothing at the real one. */
export class Rehearsal {
  readonly #options: RehearsalOptions;
  /** When a set of hosts was last rehearsed with success. */
  readonly #passed = new Map<string, number>();

  constructor(options: RehearsalOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the real CA may be asked.
   * @throws StepError with what failed, or the signal's reason
   */
  async rehearse(input: CertificateInput, signal: AbortSignal): Promise<void> {
    if (!firstTime.has(input.reason)) return;
    const { account, transport, clock } = this.#options;
    const hosts = input.hosts.map(({ host }) => host);
    const set = hosts.toSorted().join();
    if ((this.#passed.get(set) ?? Number.NEGATIVE_INFINITY) > clock.now() - countsFor) return;
    // Its certificate is thrown away, so that the cheapest key will do.
    const csr = await createCsr(hosts, await generateKey('ec-p256'));
    const profile = input.desired.profile ?? this.#options.profile;
    const order = { transport, clock, signal, hosts, csr, profile };
    const turn = this.#begin(input.id, hosts);
    try {
      const { onPhase, onOrderMade } = turn;
      await account.withAccount(signal, (account) => placeOrder({ account, ...order, onPhase, onOrderMade }));
    } catch (error) {
      signal.throwIfAborted();
      turn.failed(error);
      const failure = failureOf(error, clock.now());
      throw new StepError(inRehearsal(failure), { cause: error });
    } finally {
      turn.end();
    }
    this.#remember(set, clock.now());
  }

  /** Ends its connections. */
  async close(): Promise<void> {
    await this.#options.transport.close();
  }

  /**
   * Reserves the order.
   * @throws StepError where a limit of that CA or its trouble is in the way
   */
  #begin(id: string, hosts: readonly string[]) {
    const { budget, clock } = this.#options;
    const planned = { id, hosts, purpose: 'first', exemption: 'none' } as const;
    const now = clock.now();
    const hold =
      budget.hold(planned, new Map(), now) ?? (budget.enter(id, now) ? undefined : budget.trouble(now));
    if (hold !== undefined) throw new StepError(inRehearsal(describeHold(hold)));
    budget.reserve(planned, now);
    const reports = new OrderReports(id, hosts, (report) => budget.report(report, clock.now()));
    return {
      onPhase: (phase: OrderPhase) => reports.enters(phase),
      onOrderMade: () => reports.made(),
      failed: (error: unknown) => reports.failed(error),
      end: () => budget.release(id, clock.now()),
    };
  }

  #remember(set: string, at: number): void {
    this.#passed.delete(set);
    this.#passed.set(set, at);
    const [oldest] = this.#passed.keys();
    if (this.#passed.size > mostSets && oldest !== undefined) this.#passed.delete(oldest);
  }
}

function inRehearsal(failure: Failure): Failure {
  return { ...failure, message: `In the rehearsal (LEGO_REHEARSE): ${failure.message}` };
}
