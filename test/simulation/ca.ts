import type { KeyType } from '../../machines/ownership/desired-certificate.ts';
import type { CaAnswer } from '../../src/acme/transport/connection.ts';
import { isRecord, recordField, stringField } from '../../src/process/json.ts';
import { AuthorizationBook } from './ca-authorizations.ts';
import { connectPlainly } from './ca-client.ts';
import { CaLimits, domainsOf, setOf } from './ca-limits.ts';
import { lifetimeOf, orderLifetime, profiles } from './ca-profiles.ts';
import { CaRenewals } from './ca-renewals.ts';
import {
  certificateIdOf,
  type PlainCertificate,
  plainKey,
  readPlainCsr,
  writePlainCertificate,
} from './certificates.ts';
import { type Outage, troubleAt } from './outages.ts';
import {
  type CaClient,
  type CaLimit,
  type CaParts,
  type Count,
  origin,
  type SimulatedCa,
} from './simulated-ca.ts';
import { day, hour, second } from './time-units.ts';

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

/** Boulder asks for so much between looks at what is not ready (wfe2, `orderRetryAfter`). */
const pollPause = { 'retry-after': '3' };

export type ModelCaOptions = Omit<CaParts, 'accountKey'>;

/**
 * Let's Encrypt as the simulation needs it: orders, authorizations and their reuse, validation by the state of a host, issuance
 * with the lifetimes of the day, and every limit. It counts for itself; no line of it is shared with machines/.
 */
export class ModelCa implements SimulatedCa {
  readonly accountUrl = `${origin}/acme/acct/1`;
  readonly limits = new CaLimits();
  readonly renewals: CaRenewals;
  readonly outages: Outage[] = [];
  readonly #options: ModelCaOptions;
  readonly #authorizations: AuthorizationBook;
  readonly #orders = new Map<string, Order>();
  readonly #openBySet = new Map<string, Order>();
  readonly #lastIssued = new Map<string, number>();
  #serial = 0;

  constructor(options: ModelCaOptions) {
    this.#options = options;
    this.renewals = new CaRenewals(options.time, options.renewalInfoPeriod ?? 0);
    this.#authorizations = new AuthorizationBook({ ...options, limits: this.limits });
  }

  get hasRenewalInfo(): boolean {
    return this.#options.renewalInfoPeriod !== undefined;
  }

  connect(): CaClient {
    const { time, random } = this.#options;
    return connectPlainly({ time, random, ca: this });
  }

  keyMaker(): (type: KeyType) => Promise<string> {
    let keys = 0;
    return (type) => {
      keys += 1;
      return plainKey(type, keys);
    };
  }

  issueBefore(
    hosts: readonly string[],
    profile: string,
    at: number,
  ): { readonly chainPem: string; readonly keyPem: string } {
    this.#count(hosts, at);
    const keyPem = `ec-p256 before for ${hosts.join()}`;
    return { chainPem: writePlainCertificate(this.#certificate(hosts, profile, keyPem, at)), keyPem };
  }

  spendElsewhere(hosts: readonly string[], sameAccount: boolean): void {
    const { now } = this.#options.time;
    if (sameAccount) this.limits.spend({ limit: 'orders', of: 'account' }, now);
    this.#count(hosts, now);
  }

  recall(): void {
    this.renewals.recalledBefore = this.#options.time.now;
  }

  isRecalled(certificate: { readonly notBefore: number }): boolean {
    return this.renewals.isRecalled(certificate);
  }

  lowest(limit: CaLimit): number {
    return this.limits.lowest(limit, this.#options.time.now);
  }

  /**
   * Answers a request at once, by the state that things are in now.
   * @param latency milliseconds until the answer will be heard
   * @returns undefined for no answer at all
   */
  answer(endpoint: string, url: string, payload: unknown, latency: number): CaAnswer | undefined {
    const path = url.slice(origin.length);
    const resource = resourceOf(endpoint, path);
    const { time, random, witness } = this.#options;
    witness.asked(resource);
    const trouble = troubleAt(this.outages, time.now, random);
    if (trouble !== undefined) witness.busy();
    if (trouble === 'silence') return undefined;
    const answer =
      trouble === undefined
        ? this.#respond(endpoint, path, payload, latency)
        : { status: trouble.status, headers: trouble.headers, text: trouble.body };
    const wait = answer.headers['retry-after'];
    // A refusal by a limit is about what that counts, and `refused` tells of it.
    if (wait !== undefined && answer.status !== 429) {
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
    this.#options.witness.issued(certificateIdOf(certificate));
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
