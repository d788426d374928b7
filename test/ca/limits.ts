import { getDomain } from 'tldts';
import type { CaAccount } from './accounts.ts';
import type { Identifier } from './exchange.ts';
import { setName } from './identifiers.ts';
import { limitRefusal } from './limit-refusal.ts';
import type { CaLimit, CaLimitRule } from './limit-rules.ts';
import type { Exemption } from './orders.ts';
import type { Refusal } from './refusal.ts';

const day = 24 * 3_600_000;

export interface LimitsOptions {
  readonly now: () => number;
  readonly random: () => number;
  /** Those that are missing do not hold. */
  readonly rules: Partial<Readonly<Record<CaLimit, CaLimitRule>>>;
  /** The most that a refusal asks to wait more than needed, as a share. */
  readonly jitter: number;
  /** So many times faster than the rules say does everything fill up again. */
  readonly speed?: number | undefined;
  readonly onDenied?: ((denial: Denial) => void) | undefined;
}

/** A limit, and what it is counted for. */
export interface LimitScope {
  readonly limit: CaLimit;
  readonly scope: string;
}

export interface Denial extends LimitScope {
  /** Milliseconds since the epoch; the client was told so. */
  readonly until: number;
  /** Whether the client had been told to wait longer than until now. */
  readonly early: boolean;
}

interface Bucket extends LimitScope {
  left: number;
  at: number;
  /** What a client was told last. */
  toldUntil: number;
}

/**
 * What a CA allows, counted as Boulder does: orders when they are made, certificates when they are issued, failures when they
 * happen. It counts what is left and when, which is not how kube-lego's own ledger does it.
 */
export class Limits {
  readonly #options: LimitsOptions;
  readonly #buckets = new Map<string, Bucket>();
  /** When each set was issued last. */
  readonly #issuedAt = new Map<string, number>();

  constructor(options: LimitsOptions) {
    this.#options = options;
  }

  /** @throws Refusal */
  register(source: string): void {
    this.#admit([{ limit: 'registrations', scope: source }]);
    this.#spend('registrations', source);
  }

  /** Whether the same set was issued in the 120 days before this time. */
  isRenewal(identifiers: readonly Identifier[], at: number = this.#options.now()): boolean {
    const issuedAt = this.#issuedAt.get(setName(identifiers));
    return issuedAt !== undefined && issuedAt > at - (120 * day) / this.#speed;
  }

  /** What a new order is held against. */
  scopesOf(account: CaAccount, identifiers: readonly Identifier[], exemption: Exemption): LimitScope[] {
    if (exemption === 'ari') return [];
    const free = exemption === 'same-set';
    const scopes = (limit: CaLimit, names: readonly string[]): LimitScope[] =>
      names.map((scope) => ({ limit, scope }));
    const failures = identifiers.map(({ value }) => failureScope(account, value));
    return [
      ...scopes('orders', free ? [] : [account.url]),
      ...scopes('failed-authorizations', failures),
      ...scopes('certificates-per-domain', free ? [] : registeredDomains(identifiers)),
      ...scopes('certificates-per-set', [setName(identifiers)]),
    ];
  }

  /** A new order is counted. @throws Refusal of the limit that has room again last */
  order(account: CaAccount, identifiers: readonly Identifier[], exemption: Exemption): void {
    this.#admit(this.scopesOf(account, identifiers, exemption));
    if (exemption === 'none') this.#spend('orders', account.url);
  }

  /** The order came to nothing, through no fault of the client's. */
  refundOrder(account: CaAccount, exemption: Exemption): void {
    if (exemption === 'none') this.#spend('orders', account.url, -1);
  }

  /** An exemption is one from being refused: the certificate is counted all the same (Boulder's ra, `countCertificateIssued`). */
  issued(identifiers: readonly Identifier[], at: number = this.#options.now()): void {
    const set = setName(identifiers);
    const renewal = this.isRenewal(identifiers, at);
    this.#issuedAt.set(set, at);
    this.#spend('certificates-per-set', set, 1, at);
    if (renewal) return;
    for (const domain of registeredDomains(identifiers))
      this.#spend('certificates-per-domain', domain, 1, at);
  }

  /** Another client gets a certificate, and is never refused. @param account if it is the same */
  issuedElsewhere(identifiers: readonly Identifier[], account: CaAccount | undefined): void {
    if (account !== undefined) this.#spend('orders', account.url);
    this.issued(identifiers);
  }

  /** What the emptiest count of this limit has left, as a share of the whole. */
  lowest(limit: CaLimit): number {
    const burst = this.#options.rules[limit]?.burst ?? 0;
    const levels = this.#buckets.values().filter((bucket) => bucket.limit === limit);
    return Math.min(1, ...levels.map(({ scope }) => this.#left(limit, scope) / burst));
  }

  /** @returns whether the account is paused for the identifier from now on */
  failed(account: CaAccount, { value }: Identifier): boolean {
    const scope = failureScope(account, value);
    this.#spend('failed-authorizations', scope);
    this.#spend('consecutive-failures', scope);
    return this.#left('consecutive-failures', scope) < 1;
  }

  succeeded(account: CaAccount, { value }: Identifier): void {
    this.#buckets.delete(bucketKey('consecutive-failures', failureScope(account, value)));
  }

  get #speed(): number {
    return this.#options.speed ?? 1;
  }

  #admit(scopes: readonly LimitScope[]): void {
    let worst: Bucket | undefined;
    let longest = 0;
    for (const { limit, scope } of scopes) {
      const rule = this.#options.rules[limit];
      const missing = 1 - this.#left(limit, scope);
      if (rule === undefined || missing <= 0) continue;
      const wait = (missing * rule.period) / rule.burst / this.#speed;
      if (worst !== undefined && wait <= longest) continue;
      worst = this.#bucket(limit, scope);
      longest = wait;
    }
    if (worst !== undefined) throw this.#denied(worst, longest);
  }

  #denied(bucket: Bucket, wait: number): Refusal {
    const { jitter, now, onDenied, random, rules } = this.#options;
    // More than needed, as at Boulder, so that not all come back together; and whole seconds.
    const seconds = Math.ceil((wait / 1000) * (1 + jitter * random()));
    const until = now() + seconds * 1000;
    onDenied?.({ limit: bucket.limit, scope: bucket.scope, until, early: now() < bucket.toldUntil });
    bucket.toldUntil = until;
    const rule = rules[bucket.limit] ?? { burst: 0, period: 0 };
    return limitRefusal(bucket.limit, bucket.scope, rule, until, seconds);
  }

  #spend(limit: CaLimit, scope: string, count = 1, at = this.#options.now()): void {
    const rule = this.#options.rules[limit];
    if (rule === undefined) return;
    const left = this.#left(limit, scope, at);
    const bucket = this.#bucket(limit, scope, at);
    bucket.left = Math.min(rule.burst, Math.max(0, left - count));
    bucket.at = Math.max(bucket.at, at);
  }

  #left(limit: CaLimit, scope: string, at = this.#options.now()): number {
    const rule = this.#options.rules[limit];
    if (rule === undefined) return Number.POSITIVE_INFINITY;
    const bucket = this.#buckets.get(bucketKey(limit, scope));
    if (bucket === undefined) return rule.burst;
    const passed = Math.max(0, at - bucket.at) * this.#speed;
    // What a float's rounding takes away shall not cost the client a refusal at the very moment that it was told.
    return Math.min(rule.burst, bucket.left + (passed * rule.burst) / rule.period + 1e-9);
  }

  #bucket(limit: CaLimit, scope: string, at = this.#options.now()): Bucket {
    const key = bucketKey(limit, scope);
    const burst = this.#options.rules[limit]?.burst ?? 0;
    const bucket = this.#buckets.get(key) ?? { limit, scope, left: burst, at, toldUntil: 0 };
    this.#buckets.set(key, bucket);
    return bucket;
  }
}

/** What counts as one domain: below a public suffix, an IPv4 address, or the /64 of an IPv6 address. */
function registeredDomains(identifiers: readonly Identifier[]): string[] {
  const domains = identifiers.map(({ type, value }) => {
    if (type === 'dns') return getDomain(value, { allowPrivateDomains: true }) ?? value;
    return value.includes(':') ? `${value.split(':').slice(0, 4).join(':')}::/64` : value;
  });
  return [...new Set(domains)];
}

function failureScope(account: CaAccount, value: string): string {
  return `${account.url} ${value}`;
}

function bucketKey(limit: CaLimit, scope: string): string {
  return `${limit} ${scope}`;
}
