import { presetLimits } from '../../machines/authority/known-cas.ts';
import { OrderBudget } from '../../machines/authority/order-budget.ts';
import type { OrderReport } from '../../machines/authority/order-report.ts';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { Failure } from '../../machines/reasons/reasons.ts';
import { AccountStore } from '../../src/acme/account/account.ts';
import { CaClock } from '../../src/acme/transport/ca-clock.ts';
import { AcmeTransport } from '../../src/acme/transport/transport.ts';
import { CaOrder, type WantedCertificate } from '../../src/authority/ca-order.ts';
import { Draining } from '../../src/authority/draining.ts';
import { OrderGates } from '../../src/authority/order-gates.ts';
import { OrderReports } from '../../src/authority/order-reports.ts';
import { Replacements } from '../../src/authority/replacements.ts';
import { IssuedCertificates } from '../../src/certificate/issued-certificates.ts';
import { Vault } from '../../src/certificate/vault.ts';
import { createLedger } from '../../src/ledger/ledger-keeper.ts';
import { failureOf } from '../../src/steps/failures.ts';
import { obtainCertificate } from '../../src/steps/obtain-certificate.ts';
import { exemptionOf, unfinishedOrder } from '../../src/steps/order-record.ts';
import { systemClock } from '../../src/time/clock.ts';
import { MemoryStore } from '../acme/memory-store.ts';
import { type Reply, ScriptedCa } from '../acme/scripted-ca.ts';
import { presenterOf } from '../challenges/presenter.ts';
import { memoryJournal } from '../journal/memory-journal.ts';
import { certificateInput, now, route } from '../machines/builders.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { ManualClock } from '../time/manual-clock.ts';

const rateLimits = presetLimits('https://acme-v02.api.letsencrypt.org/directory');

/** One order at a time for `a.example`, with the ledger of Let's Encrypt, at a CA that says what a test tells it to. */
export class Ordering {
  readonly ca: ScriptedCa;
  readonly ledger = createLedger(rateLimits, '');
  readonly budget = new OrderBudget(this.ledger);
  readonly reports: OrderReport[] = [];
  readonly journal = memoryJournal();
  /** Of the process; the next one has another. */
  draining = new Draining();
  /** When the keeper of the ledger was asked to write. */
  readonly written: string[] = [];
  /** What has become of the slots of its orders. */
  readonly slots: string[] = [];
  /** Until the ledger is written. */
  writing: Promise<void> = Promise.resolve();
  readonly account: AccountStore;
  /** By which the account is used. */
  readonly accountClock: ManualClock;
  readonly #clock: CaClock;
  readonly #replacements = new Replacements();
  readonly #transport: AcmeTransport;

  private constructor(
    account: AccountStore,
    accountClock: ManualClock,
    transport: AcmeTransport,
    clock: CaClock,
    ca: ScriptedCa,
  ) {
    this.ca = ca;
    this.account = account;
    this.accountClock = accountClock;
    this.#clock = clock;
    this.#transport = transport;
  }

  static async start(): Promise<Ordering> {
    const ca = new ScriptedCa();
    await ca.start();
    const { caBundle } = ca;
    const proxy = { httpsProxy: '', noProxy: '' };
    const clock = new CaClock(systemClock);
    const transport = new AcmeTransport({ clock, userAgent: 'test', caBundle, proxy });
    const store = new MemoryStore();
    const { directoryUrl } = ca;
    const accountClock = new ManualClock();
    const account = new AccountStore({ transport, clock: new CaClock(accountClock), store, directoryUrl });
    return new Ordering(account, accountClock, transport, clock, ca);
  }

  async stop(): Promise<void> {
    await this.#transport.close();
    await this.ca.stop();
  }

  /** An order that comes back from new-order as it is said. */
  orderIs(changes: object): void {
    const location = this.ca.url('/order');
    const reply = (): Reply => ({ status: 201, headers: { location }, body: this.ca.order(changes) });
    this.ca.scripts.set('/new-order', reply);
  }

  /**
   * The whole life of a reservation, with the order in the middle of it.
   * @returns undefined if there is a certificate
   */
  async run(
    changes: Partial<CertificateInput> = {},
    signal = new AbortController().signal,
  ): Promise<Failure | undefined> {
    const input = certificateInput({ hosts: [route('a.example')], ...changes });
    const { budget } = this;
    const { id } = input;
    const ca = {
      directoryUrl: this.ca.directoryUrl,
      profile: undefined,
      account: this.account,
      clock: aheadOf(systemClock),
      order: (wanted: WantedCertificate, until: AbortSignal) => this.#order(wanted, until),
    };
    const kept = { ca, journal: this.journal, keyType: 'ec-p256' } as const;
    const exemption = exemptionOf(unfinishedOrder(kept, input), input);
    budget.reserve({ id, namespace: 'shop', hosts: ['a.example'], purpose: 'first', exemption }, now);
    const vault = new Vault();
    try {
      await obtainCertificate(
        {
          ...kept,
          solvers: { presenters: () => presenterOf, cleanUp: () => undefined },
          slots: {
            lendSlot: () => void this.slots.push('lent'),
            reclaimSlot: () => Promise.resolve(void this.slots.push('reclaimed')),
          },
          vault,
          issued: new IssuedCertificates(vault),
          clock: new ManualClock(now),
          onPause: () => undefined,
          onNotice: () => undefined,
          preferredChain: undefined,
        },
        input,
        signal,
      );
      return undefined;
    } catch (error) {
      return failureOf(error, now);
    } finally {
      budget.release(id, now);
    }
  }

  #order(wanted: WantedCertificate, signal: AbortSignal): CaOrder {
    const { budget, ledger, written } = this;
    const reports = new OrderReports(wanted.id, wanted.hosts, (report) => {
      this.reports.push(report);
      budget.report(report, now);
    });
    const clock = aheadOf(new ManualClock(now));
    const keeper = {
      changed: () => written.push('in a while'),
      refused: () => written.push('at once'),
      written: () => this.writing,
    };
    const parts = {
      account: this.account,
      transport: this.#transport,
      clock: this.#clock,
      gates: new OrderGates({ ledger, budget, rateLimits, clock }),
      keeper,
      reports,
      replacements: this.#replacements,
      draining: this.draining,
    };
    return new CaOrder(parts, wanted, signal);
  }

  /** How much was spent of the limits that count orders, and certificates of the same names. */
  spent(): { readonly orders: number; readonly certificates: number } {
    const of = (limit: string): number => {
      const found = this.ledger.forecast(now).find((forecast) => forecast.limit === limit);
      return found === undefined ? 0 : found.capacity - found.level;
    };
    return { orders: of('orders-per-account'), certificates: of('certificates-per-exact-set') };
  }
}
