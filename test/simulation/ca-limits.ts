import { getDomain } from 'tldts';
import type { CaLimit, Count } from './simulated-ca.ts';
import { day, hour } from './time-units.ts';

/** What a CA counts by, and how much it allows: Let's Encrypt, docs/rate-limits.md of 2026-08-05. */
const limits = {
  orders: {
    count: 300,
    period: 3 * hour,
    words: () => 'too many new orders (300) from this account in the last 3h0m0s',
    anchor: 'new-orders-per-account',
  },
  domain: {
    count: 50,
    period: 7 * day,
    words: (name: string) => `too many certificates (50) already issued for "${name}" in the last 168h0m0s`,
    anchor: 'new-certificates-per-registered-domain',
  },
  set: {
    count: 5,
    period: 7 * day,
    words: () =>
      'too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s',
    anchor: 'new-certificates-per-exact-set-of-identifiers',
  },
  failures: {
    count: 5,
    period: hour,
    words: (name: string) => `too many failed authorizations (5) for "${name}" in the last 1h0m0s`,
    anchor: 'authorization-failures-per-identifier-per-account',
  },
  pause: {
    count: 1152,
    period: 1152 * day,
    words: (name: string) =>
      `Your account is temporarily prevented from requesting certificates for ${name} and possibly others. Please visit: https://ca.example/sfe/v1/unpause?jwt=x`,
    anchor: '',
  },
} as const satisfies Record<CaLimit, object>;

export interface LimitRefusal extends Count {
  readonly detail: string;
  /** Milliseconds. */
  readonly wait: number;
}

/**
 * The CA's own counting, by the generic cell rate algorithm that Boulder uses (ratelimits/gcra.go): written apart from
 * machines/, to which it is the judge.
 */
export class CaLimits {
  /** By limit and what it is counted for: when everything that was spent will have come back. */
  readonly #spentUntil: Readonly<Record<CaLimit, Map<string, number>>> = {
    orders: new Map(),
    domain: new Map(),
    set: new Map(),
    failures: new Map(),
    pause: new Map(),
  };

  spend({ limit, of }: Count, now: number): void {
    const { count, period } = limits[limit];
    const counted = this.#spentUntil[limit];
    const spentUntil = Math.max(counted.get(of) ?? 0, now) + period / count;
    // What is counted without being refused takes no more than there is (Boulder, `spendOnly`).
    counted.set(of, Math.min(spentUntil, now + period));
  }

  forget({ limit, of }: Count): void {
    this.#spentUntil[limit].delete(of);
  }

  /** What the emptiest count of this limit has left, as a share of the whole. */
  lowest(limit: CaLimit, now: number): number {
    let latest = now;
    for (const spentUntil of this.#spentUntil[limit].values()) latest = Math.max(latest, spentUntil);
    return Math.max(1 - (latest - now) / limits[limit].period, 0);
  }

  /** Of the limits that deny the one that holds longest, as Boulder answers. */
  refusal(counts: readonly Count[], now: number): LimitRefusal | undefined {
    let longest: LimitRefusal | undefined;
    for (const counted of counts) {
      const { count, period, words, anchor } = limits[counted.limit];
      const spentUntil = Math.max(this.#spentUntil[counted.limit].get(counted.of) ?? 0, now);
      const wait = spentUntil + period / count - (now + period);
      if (wait <= (longest?.wait ?? 0)) continue;
      const at = new Date(now + wait).toISOString().slice(0, 19).replace('T', ' ');
      const detail =
        counted.limit === 'pause'
          ? words(counted.of)
          : `${words(counted.of)}, retry after ${at} UTC: see https://letsencrypt.org/docs/rate-limits/#${anchor}`;
      longest = { ...counted, detail, wait };
    }
    return longest;
  }
}

export function setOf(hosts: readonly string[]): string {
  return hosts.toSorted().join(',');
}

export function domainsOf(hosts: readonly string[]): string[] {
  return [...new Set(hosts.map((host) => getDomain(host, { allowPrivateDomains: true }) ?? host))];
}
