import type { OrderReport } from '../../machines/authority/order-report.ts';
import type { Hold } from '../../machines/ledger/hold.ts';
import { type SourceKey, sourceKey } from '../../machines/ownership/source-key.ts';
import type { Round } from '../../machines/supervisor/round.ts';
import { decodeStatus } from '../../src/kubernetes/records/status-annotation.ts';
import type { IngressStanding } from '../../src/metrics/certificate-samples.ts';
import { setOf } from './ca-limits.ts';
import type { Cluster, HeldCertificate } from './cluster.ts';
import { readExpiryAlert } from './expiry-alert.ts';
import { longestGoodSpan, renewalDue, retryInterval } from './goodness.ts';
import { HarmOrder } from './harm-order.ts';
import type { Hosts } from './hosts.ts';
import { RetryAfters } from './retry-afters.ts';
import type { CaLimit, CaWitness, Count, SimulatedCa } from './simulated-ca.ts';
import { day, hour, minute, second } from './time-units.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface Tally {
  orders: number;
  reusedOrders: number;
  issuances: number;
  refusals: number;
  busyAnswers: number;
  failedHosts: number;
  expired: number;
  /** Certificates that were not renewed when they should have been, and one retry interval later. */
  overdue: number;
  /** Milliseconds from the start of a round to the Secret, the longest. */
  longestWait: number;
}

export interface WitnessOptions {
  readonly time: VirtualTime;
  readonly cluster: Cluster;
  readonly hosts: Hosts;
  readonly ca: () => SimulatedCa;
  /** What the metrics see of an Ingress (`namespace/name`); undefined while no process runs. */
  readonly standing: (source: SourceKey) => IngressStanding | undefined;
  /** How many refusals by this limit may be met for one scope: 0 where nobody else spends. */
  readonly refusalsAllowed: (limit: CaLimit) => number;
}

/** More of them say nothing new. */
const mostViolations = 20;
/** Near its end a failing certificate is tried every 100 minutes, less the jitter. */
const mostOrdersOfSetInDay = 17;
/** What a Retry-After of a new order holds for, and what a restart must not forget. */
const newOrders = '/new-order';
/** Of the limit of new orders, for which a namespace's orders count against it; and what two clocks may differ. */
const accountPeriod = 3 * hour;
const accountMargin = 5 * minute;
/** Who is woken by the alert shall have so long before the end. */
const alertLead = 12 * hour;
/** A process that has just started knows nothing yet: it is looked at again. */
const lookAgain = 5 * minute;

/** Watches everything that happens and says what should not have. */
export class Witness implements CaWitness {
  readonly tally: Tally = {
    orders: 0,
    reusedOrders: 0,
    issuances: 0,
    refusals: 0,
    busyAnswers: 0,
    failedHosts: 0,
    expired: 0,
    overdue: 0,
    longestWait: 0,
  };
  readonly violations: string[] = [];
  /** Certificates issued, by day since the start. */
  readonly issuedByDay: number[] = [];
  /** Lifetimes of what was issued, in days. */
  readonly lifetimes = new Set<number>();
  readonly #options: WitnessOptions;
  readonly #start: number;
  readonly #admissions = new HarmOrder('admission', (words) => this.#violated(words));
  readonly #slots = new HarmOrder('a slot', (words) => this.#violated(words));
  readonly #rounds = new Map<string, Round>();
  /** Rounds whose order the CA has made. */
  readonly #ordered = new Set<string>();
  /** Rounds whose order the CA may have made. */
  readonly #sent = new Set<string>();
  readonly #refusals = new Map<string, number>();
  readonly #retryAfters = new RetryAfters();
  readonly #ordersOfSet = new Map<string, number[]>();
  readonly #startedAt = new Map<string, number>();
  readonly #alert = readExpiryAlert();

  constructor(options: WitnessOptions) {
    this.#options = options;
    this.#start = options.time.now;
  }

  troubled(trouble: string): void {
    this.#violated(`The program is in trouble: ${trouble}`);
  }

  orderAsked(hosts: readonly string[], counts: readonly Count[]): void {
    const order = `An order for ${hosts.join(', ')}`;
    for (const { limit, of } of counts) this.#askedWithin(`${limit} ${of}`, order);
    this.#countOfSet(hosts);
  }

  refused({ limit, of }: Count, wait: number | undefined, latency: number): void {
    const scope = `${limit} ${of}`;
    this.tally.refusals += 1;
    const times = (this.#refusals.get(scope) ?? 0) + 1;
    this.#refusals.set(scope, times);
    const allowed = this.#options.refusalsAllowed(limit);
    if (times > allowed) {
      this.#violated(`The CA refused an order by its limit ${scope}, time ${times}; ${allowed} are allowed.`);
    }
    if (wait !== undefined) this.#close(scope, wait, latency);
  }

  asked(resource: string): void {
    this.#askedWithin(resource, resource);
  }

  toldToWait(resource: string, wait: number, latency: number): void {
    this.#close(resource, wait, latency);
  }

  busy(): void {
    this.tally.busyAnswers += 1;
  }

  orderMade(_: readonly string[], reused: boolean): void {
    if (reused) this.tally.reusedOrders += 1;
    else this.tally.orders += 1;
  }

  hostFailed(): void {
    this.tally.failedHosts += 1;
  }

  issued(): void {
    this.tally.issuances += 1;
    const index = Math.floor((this.#options.time.now - this.#start) / day);
    this.issuedByDay[index] = (this.issuedByDay[index] ?? 0) + 1;
  }

  /** @param secret `namespace/name` */
  stored(secret: string, certificate: HeldCertificate): void {
    const { time } = this.#options;
    const startedAt = this.#startedAt.get(secret);
    this.#startedAt.delete(secret);
    if (startedAt !== undefined) {
      this.tally.longestWait = Math.max(this.tally.longestWait, time.now - startedAt);
    }
    const { notBefore, notAfter } = certificate;
    if (notBefore >= this.#start) this.lifetimes.add(days(certificate));
    if (notAfter <= time.now) return;
    const warned = notAfter - alertLead;
    time.at(renewalDue(certificate) + retryInterval(certificate), () => this.#overdue(secret, certificate));
    time.at(warned - this.#alert.pending, () => this.#warned(secret, certificate));
    time.at(warned, () => this.#warned(secret, certificate));
    time.at(notAfter, () => this.#ended(secret, certificate));
  }

  roundStarted(round: Round): void {
    const secret = `${round.namespace}/${round.id.split('/')[1] ?? ''}`;
    if (!this.#startedAt.has(secret)) this.#startedAt.set(secret, this.#options.time.now);
    this.#rounds.set(round.id, round);
    this.#admissions.waits(round, this.#options.time.now);
  }

  roundAdmitted(id: string): void {
    this.#admissions.gets(id, this.#options.time.now);
  }

  roundHeld(id: string, { cause }: Hold): void {
    // A CA in trouble holds up all alike.
    if (cause !== 'unavailable') this.#admissions.held(id);
  }

  slotRequested(id: string): void {
    const round = this.#rounds.get(id);
    if (round !== undefined) this.#slots.waits(round, this.#options.time.now);
  }

  slotGranted(id: string): void {
    this.#slots.gets(id, this.#options.time.now);
  }

  slotReturned(id: string): void {
    this.#slots.leaves(id);
  }

  roundEnded(id: string): void {
    const { now } = this.#options.time;
    const round = this.#rounds.get(id);
    const made = this.#ordered.delete(id);
    const sent = this.#sent.delete(id);
    const counted = made && round?.exemption === 'none';
    this.#rounds.delete(id);
    this.#admissions.leaves(id, {
      least: counted ? now + accountPeriod - accountMargin : 0,
      // Of one without an answer nobody knows.
      most: made || sent ? now + accountPeriod + accountMargin : 0,
    });
    this.#slots.leaves(id);
  }

  /** What the order of a round comes to, as the controller knows it. */
  reported({ type, id }: OrderReport): void {
    if (type === 'ORDER_SENT') this.#sent.add(id);
    if (type === 'ORDER_REFUSED') this.#sent.delete(id);
    if (type === 'ORDER_MADE') this.#ordered.add(id);
  }

  /** The process is gone, and with it its rounds, and what single orders and authorizations were to wait for. */
  processEnded(): void {
    this.#rounds.clear();
    this.#ordered.clear();
    this.#sent.clear();
    this.#admissions.clear();
    this.#slots.clear();
    this.#retryAfters.forget((scope) => scope.startsWith('/') && scope !== newOrders);
  }

  /** A certificate should have been renewed by now, and by another attempt: if it was not, does its Ingress say so? */
  #overdue(secret: string, certificate: HeldCertificate): void {
    if (!this.#isInUse(secret, certificate)) return;
    this.tally.overdue += 1;
    if (this.#isTold(secret)) return;
    this.#violated(`The certificate of ${secret} is overdue without a word in the status of its Ingress.`);
  }

  /** A certificate is about to end: does the condition of the alert hold? */
  #warned(secret: string, certificate: HeldCertificate): void {
    if (!this.#isInUse(secret, certificate)) return;
    const { standing, time } = this.#options;
    const seen = standing(ingressOf(secret));
    const left = certificate.notAfter - time.now;
    if (seen === undefined && left > lookAgain) {
      time.after(lookAgain, () => this.#warned(secret, certificate));
    } else if (seen === undefined || !this.#alert.holds(seen, secret, time.now)) {
      this.#violated(`The certificate of ${secret} ends in ${hours(left)}, and the metrics raise no alert.`);
    }
  }

  #isInUse(secret: string, { id }: HeldCertificate): boolean {
    return this.#options.cluster.certificate(secret)?.id === id;
  }

  /** A certificate has come to its end: was there another in time? */
  #ended(secret: string, certificate: HeldCertificate): void {
    const { hosts, ca } = this.#options;
    if (!this.#isInUse(secret, certificate)) return;
    this.tally.expired += 1;
    const from = renewalDue(certificate);
    const until = certificate.notAfter;
    const away = ca().outages.map(({ from, until }) => [from, until] as const);
    const badByHost = certificate.dnsNames.map((host) => hosts.badSpans(host, from, until));
    const span = longestGoodSpan([...badByHost.flat(), ...away], from, until);
    const spared = certificate.dnsNames.filter((_, index) => badByHost[index]?.length === 0);
    const interval = retryInterval(certificate);
    if (span >= interval) {
      const words = `The certificate of ${secret} (${days(certificate)} days) expired, although hosts and CA were good for ${hours(span)} of the ${hours(until - from)} before; a retry interval is ${hours(interval)}.`;
      this.#violated(words);
    } else if (spared.length > 0 && longestGoodSpan(away, from, until) === until - from) {
      const words = `The certificate of ${secret} (${days(certificate)} days) expired, although ${spared.join(', ')} was good all the time.`;
      this.#violated(words);
    } else if (!this.#isTold(secret)) {
      this.#violated(`The certificate of ${secret} expired without a word in the status of its Ingress.`);
    }
  }

  #isTold(secret: string): boolean {
    const name = secret.split('/')[1] ?? '';
    const ingress = this.#options.cluster.ingresses.get(ingressOf(secret));
    const entry = decodeStatus(ingress?.status)?.secrets[name];
    return entry !== undefined && entry.state !== 'good';
  }

  #close(scope: string, wait: number, latency: number): void {
    const { now } = this.#options.time;
    this.#retryAfters.close(scope, now, now + wait, now + latency);
  }

  #askedWithin(scope: string, what: string): void {
    const early = this.#retryAfters.earlyBy(scope, this.#options.time.now);
    if (early === undefined) return;
    this.#violated(
      `${what} was asked for ${early / second} s before the end of the Retry-After of ${scope}.`,
    );
  }

  #countOfSet(hosts: readonly string[]): void {
    const set = setOf(hosts);
    const { now } = this.#options.time;
    const times = (this.#ordersOfSet.get(set) ?? []).filter((at) => at > now - day);
    times.push(now);
    this.#ordersOfSet.set(set, times);
    if (times.length > mostOrdersOfSetInDay) {
      this.#violated(`${times.length} orders for ${hosts.join(', ')} were asked for within a day.`);
    }
  }

  #violated(words: string): void {
    if (this.violations.length < mostViolations) {
      this.violations.push(`${new Date(this.#options.time.now).toISOString()} ${words}`);
    }
  }
}

function days({ notBefore, notAfter }: HeldCertificate): number {
  return Math.round((notAfter - notBefore) / day);
}

function hours(milliseconds: number): string {
  return `${(milliseconds / hour).toFixed(1)} h`;
}

/** Each Secret has the name of its Ingress. */
function ingressOf(secret: string): SourceKey {
  const [namespace = '', name = ''] = secret.split('/');
  return sourceKey({ kind: 'Ingress', namespace, name });
}
