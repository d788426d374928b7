import type { CaAnswer } from '../../src/acme/connection.ts';
import { isRecord, recordField, stringField } from '../../src/json.ts';
import { AuthorizationBook } from './ca-authorizations.ts';
import { CaLimits, type Count, domainsOf, setOf } from './ca-limits.ts';
import { lifetimeOf, orderLifetime, profiles } from './ca-profiles.ts';
import { CaRenewals } from './ca-renewals.ts';
import { type PlainCertificate, readPlainCsr, writePlainCertificate } from './certificates.ts';
import type { Hosts } from './hosts.ts';
import type { Random } from './random.ts';
import { day, hour, second } from './time-units.ts';
import type { VirtualTime } from './virtual-time.ts';

interface Order {
  readonly id: number;
  readonly hosts: readonly string[];
  readonly profile: string;
  readonly expires: number;
  readonly authorizations: readonly string[];
  finalizedAt: number | undefined;
  readyAt: number;
  certificate: string | undefined;
}

/** What the CA saw and did, for those who watch over the run. */
export interface CaWitness {
  /** @param counts what limits an order of this kind is held against */
  orderAsked(hosts: readonly string[], counts: readonly Count[]): void;
  /** @param wait milliseconds that it asks for; undefined if it does not say */
  refused(count: Count, wait: number | undefined, latency: number): void;
  /** @param resource its path, `/order/1` */
  asked(resource: string): void;
  /** The answer asks to wait for so many milliseconds. */
  toldToWait(resource: string, wait: number, latency: number): void;
  /** It gave no good answer, by its own fault. */
  busy(): void;
  orderMade(hosts: readonly string[], reused: boolean): void;
  hostFailed(host: string): void;
  issued(certificate: PlainCertificate): void;
}

export interface SimulatedCaOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly hosts: Hosts;
  readonly witness: CaWitness;
  /** Milliseconds for which its answer holds on when to renew; undefined: it does not say. */
  readonly renewalInfoPeriod: number | undefined;
}

/** A time of trouble. */
export interface Outage {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
  /** Of the requests; each of them gets a 503 or a 500, or no answer at all. */
  readonly failing: number;
}

/** The path to an object of this CA. */
const origin = 'https://acme-v02.api.letsencrypt.org';
/** Boulder asks for so much between looks at what is not ready (wfe2, `orderRetryAfter`). */
const pollPause = { 'retry-after': '3' };

/**
 * Let's Encrypt as the simulation needs it: orders, authorizations and their reuse, validation by the state of a host, issuance
 * with the lifetimes of the day, and every limit. It counts for itself; no line of it is shared with machines/.
 */
export class SimulatedCa {
  readonly limits = new CaLimits();
  readonly renewals: CaRenewals;
  readonly outages: Outage[] = [];
  readonly #options: SimulatedCaOptions;
  readonly #authorizations: AuthorizationBook;
  readonly #orders = new Map<string, Order>();
  readonly #openBySet = new Map<string, Order>();
  readonly #lastIssued = new Map<string, number>();
  #serial = 0;

  constructor(options: SimulatedCaOptions) {
    this.#options = options;
    this.renewals = new CaRenewals(options.time, options.renewalInfoPeriod ?? 0);
    this.#authorizations = new AuthorizationBook({ ...options, limits: this.limits });
  }

  get hasRenewalInfo(): boolean {
    return this.#options.renewalInfoPeriod !== undefined;
  }

  /** A certificate that was issued before the simulation began. */
  issueBefore(hosts: readonly string[], profile: string, key: string, at: number): PlainCertificate {
    this.#count(hosts, at);
    return this.#certificate(hosts, profile, key, at);
  }

  /** Somebody else orders: another cluster with the same account, or another account with the same domain. */
  spendElsewhere(hosts: readonly string[], sameAccount: boolean): void {
    const { now } = this.#options.time;
    if (sameAccount) this.limits.spend({ limit: 'orders', of: 'account' }, now);
    this.#count(hosts, now);
  }

  /**
   * Answers a request at once, by the state that things are in now.
   * @param latency milliseconds until the answer will be heard
   * @returns undefined for no answer at all
   */
  answer(endpoint: string, url: string, payload: unknown, latency: number): CaAnswer | undefined {
    const path = url.slice(origin.length);
    const resource = resourceOf(endpoint, path);
    const { witness } = this.#options;
    witness.asked(resource);
    const trouble = this.#trouble();
    if (trouble !== undefined) witness.busy();
    const answer = trouble === undefined ? this.#respond(endpoint, path, payload, latency) : trouble.answer;
    const wait = answer?.headers['retry-after'];
    // A refusal by a limit is about what that counts, and `refused` tells of it.
    if (wait !== undefined && answer?.status !== 429) {
      witness.toldToWait(resource, Number(wait) * second, latency);
    }
    return answer;
  }

  #respond(endpoint: string, path: string, payload: unknown, latency: number): CaAnswer {
    if (endpoint === 'renewal-info') {
      return (
        this.renewals.answer(path.slice('/ari/'.length)) ?? problem(404, 'malformed', 'No such certificate')
      );
    }
    if (endpoint === 'new-order') return this.#newOrder(payload, latency);
    if (endpoint === 'authorization') return this.#authorizations.show(path);
    if (endpoint === 'challenge') return this.#authorizations.validate(path);
    const order = this.#orders.get(path.replace(/^\/(?:finalize|certificate)\//, '/order/'));
    if (order === undefined || this.#options.time.now >= order.expires) {
      return problem(404, 'malformed', 'No order for that ID');
    }
    if (endpoint === 'finalize') return this.#finalize(order, payload);
    if (endpoint === 'order') return this.#show(order);
    this.#orders.delete(`/order/${order.id}`);
    return { status: 200, headers: {}, text: order.certificate ?? '' };
  }

  #trouble(): { readonly answer: CaAnswer | undefined } | undefined {
    const { random, time } = this.#options;
    const outage = this.outages.find(({ from, until }) => time.now >= from && time.now < until);
    if (outage === undefined || !random.chance(outage.failing)) return undefined;
    if (random.chance(0.3)) return { answer: undefined };
    if (random.chance(0.3)) {
      return { answer: problem(500, 'serverInternal', 'Internal error', { 'retry-after': '60' }) };
    }
    const wait = String(30 + random.below(270));
    return { answer: problem(503, 'rateLimited', 'Service busy; retry later.', { 'retry-after': wait }) };
  }

  #newOrder(payload: unknown, latency: number): CaAnswer {
    const { time, witness } = this.#options;
    const { now } = time;
    const hosts = hostsIn(payload);
    const profile = stringField(payload, 'profile') ?? 'classic';
    if (!Object.hasOwn(profiles, profile)) return problem(400, 'invalidProfile', `profile ${profile}`);
    const set = setOf(hosts);
    const replaces = stringField(payload, 'replaces');
    const refused = replaces === undefined ? undefined : this.renewals.refusal(replaces, hosts);
    if (refused !== undefined) {
      return problem(refused.status, refused.type, "Could not validate ARI 'replaces' field");
    }
    const isFree = replaces !== undefined && this.renewals.isFree(replaces);
    const exempt = isFree || this.#isRenewal(set, now);
    const counts = isFree ? hosts.map((of): Count => ({ limit: 'pause', of })) : this.#counts(hosts, exempt);
    witness.orderAsked(hosts, counts);
    const refusal = this.limits.refusal(counts, now);
    if (refusal !== undefined) {
      const named = refusal.limit !== 'pause';
      const wait = Math.ceil(refusal.wait / second);
      witness.refused(refusal, named ? wait * second : undefined, latency);
      return problem(429, 'rateLimited', refusal.detail, named ? { 'retry-after': String(wait) } : {});
    }
    if (!exempt) this.limits.spend({ limit: 'orders', of: 'account' }, now);
    const open = this.#openBySet.get(`${profile} ${set}`);
    const reusable = open !== undefined && this.#isReusable(open) ? open : undefined;
    witness.orderMade(hosts, reusable !== undefined);
    const order = reusable ?? this.#makeOrder(hosts, profile, replaces);
    const shown = this.#show(order);
    return { ...shown, status: 201, headers: { ...shown.headers, location: `${origin}/order/${order.id}` } };
  }

  #makeOrder(hosts: readonly string[], profile: string, replaces: string | undefined): Order {
    const { time } = this.#options;
    this.#serial += 1;
    const authorizations = hosts.map((host) => this.#authorizations.open(host, profile));
    const ends = authorizations.map((path) => this.#authorizations.expiryOf(path));
    const order: Order = {
      id: this.#serial,
      hosts,
      profile,
      expires: Math.min(time.now + orderLifetime(profile), ...ends),
      authorizations,
      finalizedAt: undefined,
      readyAt: 0,
      certificate: undefined,
    };
    this.#orders.set(`/order/${order.id}`, order);
    this.#openBySet.set(`${profile} ${setOf(hosts)}`, order);
    if (replaces !== undefined) {
      this.renewals.replace(
        replaces,
        () =>
          order.finalizedAt !== undefined ||
          (order.expires > time.now && this.#statusOf(order) !== 'invalid'),
      );
    }
    if (this.#serial % 1000 === 0) this.#forgetExpired();
    return order;
  }

  #finalize(order: Order, payload: unknown): CaAnswer {
    const { random, time } = this.#options;
    const { now } = time;
    if (this.#statusOf(order) !== 'ready') return problem(403, 'orderNotReady', 'Order is not ready');
    const { hosts, key } = readPlainCsr(stringField(payload, 'csr') ?? '');
    if (setOf(hosts) !== setOf(order.hosts)) return problem(400, 'badCSR', 'CSR does not match the order');
    this.#count(order.hosts, now);
    const certificate = this.#certificate(order.hosts, order.profile, key, now);
    order.finalizedAt = now;
    order.readyAt = now + (random.chance(0.5) ? 0 : random.between(500, 4000));
    order.certificate = writePlainCertificate(certificate);
    this.#options.witness.issued(certificate);
    return this.#show(order);
  }

  #show(order: Order): CaAnswer {
    const status = this.#statusOf(order);
    const certificate = status === 'valid' ? { certificate: `${origin}/certificate/${order.id}` } : undefined;
    const text = JSON.stringify({
      status,
      expires: new Date(order.expires).toISOString(),
      identifiers: order.hosts.map((value) => ({ type: 'dns', value })),
      authorizations: order.authorizations.map((path) => `${origin}${path}`),
      finalize: `${origin}/finalize/${order.id}`,
      profile: order.profile,
      url: `${origin}/order/${order.id}`,
      ...certificate,
    });
    return { status: 200, headers: status === 'processing' ? pollPause : {}, text };
  }

  #statusOf({ finalizedAt, readyAt, authorizations }: Order): string {
    if (finalizedAt !== undefined) return this.#options.time.now >= readyAt ? 'valid' : 'processing';
    const statuses = authorizations.map((path) => this.#authorizations.statusOf(path));
    if (statuses.includes('invalid')) return 'invalid';
    return statuses.every((status) => status === 'valid') ? 'ready' : 'pending';
  }

  #isReusable(order: Order): boolean {
    const status = this.#statusOf(order);
    return (status === 'pending' || status === 'ready') && order.expires > this.#options.time.now;
  }

  /** Whether the same names were certified in the last 120 days. */
  #isRenewal(set: string, at: number): boolean {
    return at < (this.#lastIssued.get(set) ?? Number.NEGATIVE_INFINITY) + 120 * day;
  }

  #counts(hosts: readonly string[], exempt: boolean): Count[] {
    const counts: Count[] = [{ limit: 'set', of: setOf(hosts) }];
    for (const host of hosts) counts.push({ limit: 'failures', of: host }, { limit: 'pause', of: host });
    if (exempt) return counts;
    counts.push({ limit: 'orders', of: 'account' });
    for (const domain of domainsOf(hosts)) counts.push({ limit: 'domain', of: domain });
    return counts;
  }

  /** What is exempt is not refused; it is counted all the same (Boulder's ra, `countCertificateIssued`). */
  #count(hosts: readonly string[], at: number): void {
    const set = setOf(hosts);
    const renewal = this.#isRenewal(set, at);
    this.#lastIssued.set(set, at);
    this.limits.spend({ limit: 'set', of: set }, at);
    if (renewal) return;
    for (const domain of domainsOf(hosts)) this.limits.spend({ limit: 'domain', of: domain }, at);
  }

  #certificate(hosts: readonly string[], profile: string, key: string, at: number): PlainCertificate {
    this.#serial += 1;
    const notBefore = Math.floor((at - hour) / second) * second;
    const certificate = {
      serial: this.#serial,
      hosts,
      profile,
      notBefore,
      notAfter: notBefore + lifetimeOf(profile, at) - second,
      key,
    };
    if (this.hasRenewalInfo) this.renewals.add(certificate);
    return certificate;
  }

  #forgetExpired(): void {
    const { now } = this.#options.time;
    for (const [path, { expires }] of this.#orders) if (expires < now) this.#orders.delete(path);
    for (const [set, { expires }] of this.#openBySet) if (expires < now) this.#openBySet.delete(set);
    this.#authorizations.forgetExpired();
  }
}

/** What a Retry-After is about: an order, an authorization with its challenge, a certificate's renewal, or all new orders. */
function resourceOf(endpoint: string, path: string): string {
  if (endpoint === 'new-order') return '/new-order';
  return path.replace(/^\/(?:finalize|certificate)\//, '/order/').replace(/^\/challenge\//, '/authz/');
}

function hostsIn(payload: unknown): string[] {
  const identifiers = isRecord(payload) ? payload['identifiers'] : undefined;
  return Array.isArray(identifiers)
    ? identifiers.flatMap((item) => stringField(isRecord(item) ? item : recordField(item, ''), 'value') ?? [])
    : [];
}

function problem(
  status: number,
  type: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): CaAnswer {
  const text = JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail, status });
  return { status, headers, text };
}
