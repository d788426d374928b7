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

export interface Denial {
  readonly limit: CaLimit;
  readonly scope: string;
  /** Milliseconds since the epoch; the client was told so. */
  readonly until: number;
  /** Whether the client had been told to wait longer than until now. */
  readonly early: boolean;
}

interface Bucket {
  readonly limit: CaLimit;
  readonly scope: string;
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
    this.#admit([['registrations', source]]);
    this.#spend('registrations', source);
  }

  /** Whether the same set was issued in the last 120 days. */
  isRenewal(identifiers: readonly Identifier[]): boolean {
    const issuedAt = this.#issuedAt.get(setName(identifiers));
    return issuedAt !== undefined && issuedAt > this.#options.now() - (120 * day) / this.#speed;
  }

  /** A new order is counted. @throws Refusal of the limit that has room again last */
  order(account: CaAccount, identifiers: readonly Identifier[], exemption: Exemption): void {
    if (exemption === 'ari') return;
    const failures = identifiers.map(({ value }): [CaLimit, string] => [
      'failed-authorizations',
      failureScope(account, value),
    ]);
    const free = exemption === 'same-set';
    const domains = free ? [] : registeredDomains(identifiers);
    this.#admit([
      ...(free ? [] : [['orders', account.url] as const]),
      ...failures,
      ...domains.map((domain) => ['certificates-per-domain', domain] as const),
      ['certificates-per-set', setName(identifiers)],
    ]);
    if (!free) this.#spend('orders', account.url);
  }

  /** The order came to nothing, through no fault of the client's. */
  refundOrder(account: CaAccount, exemption: Exemption): void {
    if (exemption === 'none') this.#spend('orders', account.url, -1);
  }

  /** An exemption is one from being refused: the certificate is counted all the same (Boulder's ra, `countCertificateIssued`). */
  issued(identifiers: readonly Identifier[]): void {
    const set = setName(identifiers);
    const renewal = this.isRenewal(identifiers);
    this.#issuedAt.set(set, this.#options.now());
    this.#spend('certificates-per-set', set);
    if (renewal) return;
    for (const domain of registeredDomains(identifiers)) this.#spend('certificates-per-domain', domain);
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

  #admit(needs: readonly (readonly [CaLimit, string])[]): void {
    let worst: Bucket | undefined;
    let longest = 0;
    for (const [limit, scope] of needs) {
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

  #spend(limit: CaLimit, scope: string, count = 1): void {
    const rule = this.#options.rules[limit];
    if (rule === undefined) return;
    const left = this.#left(limit, scope);
    const bucket = this.#bucket(limit, scope);
    bucket.left = Math.min(rule.burst, Math.max(0, left - count));
    bucket.at = this.#options.now();
  }

  #left(limit: CaLimit, scope: string): number {
    const rule = this.#options.rules[limit];
    if (rule === undefined) return Number.POSITIVE_INFINITY;
    const bucket = this.#buckets.get(bucketKey(limit, scope));
    if (bucket === undefined) return rule.burst;
    const passed = Math.max(0, this.#options.now() - bucket.at) * this.#speed;
    // What a float's rounding takes away shall not cost the client a refusal at the very moment that it was told.
    return Math.min(rule.burst, bucket.left + (passed * rule.burst) / rule.period + 1e-9);
  }

  #bucket(limit: CaLimit, scope: string): Bucket {
    const key = bucketKey(limit, scope);
    const burst = this.#options.rules[limit]?.burst ?? 0;
    const bucket = this.#buckets.get(key) ?? {
      limit,
      scope,
      left: burst,
      at: this.#options.now(),
      toldUntil: 0,
    };
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
