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

/** The limits of a CA (known-cas.ts has those of public ones). A limit not listed is unknown: only the CA's refusals count. */
export interface RateLimits {
  readonly limits: Readonly<Partial<Record<LimitName, Limit>>>;
  /** Share of each bucket reserved for renewals and for names that had a certificate: 0 to 1. */
  readonly reserve: number;
}
