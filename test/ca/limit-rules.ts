export type CaLimit =
  | 'registrations'
  | 'orders'
  | 'certificates-per-domain'
  | 'certificates-per-set'
  | 'failed-authorizations'
  | 'consecutive-failures';

/** Burst, and refill per period (milliseconds). */
export interface CaLimitRule {
  readonly burst: number;
  readonly period: number;
}

const hour = 3_600_000;
const day = 24 * hour;

/** Let's Encrypt's of production. */
export const letsEncryptLimits: Readonly<Record<CaLimit, CaLimitRule>> = {
  registrations: { burst: 10, period: 3 * hour },
  orders: { burst: 300, period: 3 * hour },
  'certificates-per-domain': { burst: 50, period: 7 * day },
  'certificates-per-set': { burst: 5, period: 7 * day },
  'failed-authorizations': { burst: 5, period: hour },
  'consecutive-failures': { burst: 1152, period: 1152 * day },
};
