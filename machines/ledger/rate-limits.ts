import { day, hour, second } from '../time/durations.ts';

/** A limit as Let's Encrypt publishes it: a token bucket of size `burst` with a constant refill rate (GCRA). */
export interface Limit {
  readonly burst: number;
  /** Milliseconds in which an empty bucket becomes full. */
  readonly period: number;
}

export const limitNames = [
  'orders-per-account',
  'certificates-per-registered-domain',
  'certificates-per-exact-set',
  'authorization-failures',
  'consecutive-authorization-failures',
] as const;

export type LimitName = (typeof limitNames)[number];

/** The limits of a CA. A limit not listed is unknown: only the CA's refusals count. */
export interface RateLimits {
  readonly limits: Readonly<Partial<Record<LimitName, Limit>>>;
  /** Share of each bucket reserved for renewals and for names that had a certificate: 0 to 1. */
  readonly reserve: number;
}

const defaultReserve = 0.2;

/** Let's Encrypt, docs/rate-limits.md of 2026-08-05. */
const production: RateLimits['limits'] = {
  'orders-per-account': { burst: 300, period: 3 * hour },
  'certificates-per-registered-domain': { burst: 50, period: 7 * day },
  'certificates-per-exact-set': { burst: 5, period: 7 * day },
  'authorization-failures': { burst: 5, period: hour },
  'consecutive-authorization-failures': { burst: 1152, period: 1152 * day },
};

/** Let's Encrypt, docs/staging-environment.md of 2026-04-10. */
const staging: RateLimits['limits'] = {
  'orders-per-account': { burst: 1500, period: 3 * hour },
  'certificates-per-registered-domain': { burst: 30_000, period: second },
  'certificates-per-exact-set': { burst: 30_000, period: 7 * day },
  'authorization-failures': { burst: 200, period: hour },
  'consecutive-authorization-failures': { burst: 3600, period: 6 * hour },
};

const presets: ReadonlyMap<string, RateLimits['limits']> = new Map([
  ['acme-v02.api.letsencrypt.org', production],
  ['acme-staging-v02.api.letsencrypt.org', staging],
]);

/** The known limits of the CA with this directory; none for other CAs. */
export function presetLimits(directoryUrl: string): RateLimits {
  const host = URL.parse(directoryUrl)?.hostname ?? '';
  return { limits: presets.get(host) ?? {}, reserve: defaultReserve };
}
