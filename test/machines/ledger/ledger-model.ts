import { hash } from 'node:crypto';
import * as fc from 'fast-check';
import { registeredDomain } from '../../../machines/hosts/registered-domain.ts';
import { Ledger, type LedgerShard } from '../../../machines/ledger/ledger.ts';
import type { OrderRequest } from '../../../machines/ledger/order-limits.ts';
import {
  type Limit,
  type LimitName,
  limitNames,
  type RateLimits,
} from '../../../machines/ledger/rate-limits.ts';
import { day, now } from '../builders.ts';

export const hosts = ['a.example.com', 'b.example.com', 'c.example.com', 'x.other.org', 'y.other.org'];
export const sets = [
  ['a.example.com'],
  ['b.example.com'],
  ['a.example.com', 'x.other.org'],
  ['x.other.org', 'y.other.org'],
  hosts,
];

export function ledger(limits: RateLimits): Ledger {
  return new Ledger(limits, registeredDomain, (text) => hash('sha256', text, 'base64url').slice(0, 16));
}

/** What a process leaves behind. */
export function store(changes: readonly LedgerShard[], documents: Map<number, string>): void {
  for (const { shard, text } of changes) {
    if (text === undefined) documents.delete(shard);
    else documents.set(shard, text);
  }
}

/** The CA's side, as its documentation puts it: a level that rises by one token each `period / burst`, up to `burst`. */
class Tokens {
  readonly #limit: Limit;
  #level: number;
  #at = now;

  constructor(limit: Limit) {
    this.#limit = limit;
    this.#level = limit.burst;
  }

  level(time: number): number {
    const gained = ((time - this.#at) * this.#limit.burst) / this.#limit.period;
    this.#level = Math.min(this.#level + Math.max(gained, 0), this.#limit.burst);
    this.#at = time;
    return this.#level;
  }

  /** @returns whether there was one */
  take(time: number): boolean {
    const enough = this.level(time) >= 1 - 1e-6;
    if (enough) this.#level -= 1;
    return enough;
  }

  putBack(time: number): void {
    this.#level = Math.min(this.level(time) + 1, this.#limit.burst);
  }
}

/** A CA that counts as acme.md says of Boulder: orders at new-order, certificates at issuance, failures when they happen. */
export class Ca {
  readonly #limits: RateLimits;
  readonly #tokens = new Map<string, Tokens>();

  constructor(limits: RateLimits) {
    this.#limits = limits;
  }

  /** The first limit that refuses this order; it is spent otherwise. */
  newOrder(order: OrderRequest, time: number): LimitName | undefined {
    if (order.exemption === 'ari') return undefined;
    const checked: [LimitName, string][] = [['certificates-per-exact-set', order.identifiers.join()]];
    for (const host of order.identifiers) {
      checked.push(['authorization-failures', host], ['consecutive-authorization-failures', host]);
      if (order.exemption === 'none')
        checked.push(['certificates-per-registered-domain', registeredDomain(host)]);
    }
    const [refused] = checked.find(([name, scope]) => this.#bucket(name, scope).level(time) < 1 - 1e-6) ?? [];
    if (refused !== undefined || order.exemption === 'same-set') return refused;
    return this.#bucket('orders-per-account', '').take(time) ? undefined : 'orders-per-account';
  }

  refund(time: number): void {
    this.#bucket('orders-per-account', '').putBack(time);
  }

  /** @returns whether all limits allowed it (an ARI renewal is not asked) */
  issue(order: OrderRequest, time: number): boolean {
    const set = this.#bucket('certificates-per-exact-set', order.identifiers.join()).take(time);
    if (order.exemption === 'same-set') return set;
    if (order.exemption === 'ari' && order.newSet !== true) return true;
    const domains = new Set(order.identifiers.map(registeredDomain));
    const taken = [...domains].map((name) =>
      this.#bucket('certificates-per-registered-domain', name).take(time),
    );
    return order.exemption === 'ari' || (set && taken.every(Boolean));
  }

  fail(host: string, time: number): void {
    this.#bucket('authorization-failures', host).take(time);
    this.#bucket('consecutive-authorization-failures', host).take(time);
  }

  succeed(host: string): void {
    this.#tokens.delete(`consecutive-authorization-failures ${host}`);
  }

  #bucket(name: LimitName, scope: string): Tokens {
    const key = `${name} ${scope}`;
    const limit = this.#limits.limits[name] ?? { burst: 1e9, period: 1 };
    const tokens = this.#tokens.get(key) ?? new Tokens(limit);
    this.#tokens.set(key, tokens);
    return tokens;
  }
}

/** @param burst the most that a limit allows at once */
export function rateLimitsUpTo(burst: number): fc.Arbitrary<RateLimits> {
  const limit = fc.record({
    burst: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 4, max: burst })),
    period: fc.oneof(fc.integer({ min: 1000, max: day }), fc.integer({ min: day, max: 7 * day })),
  });
  return fc.record({
    limits: fc.record(Object.fromEntries(limitNames.map((name) => [name, limit])), { requiredKeys: [] }),
    reserve: fc.constantFrom(0, 0.2, 0.5),
  });
}

export const request: fc.Arbitrary<OrderRequest> = fc.record({
  identifiers: fc.constantFrom(...sets),
  purpose: fc.constantFrom('first', 'replacement', 'renewal'),
  exemption: fc.constantFrom('none', 'none', 'none', 'same-set', 'ari'),
  newSet: fc.boolean(),
});
