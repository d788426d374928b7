import type { CaLimit, CaLimitRule } from './limit-rules.ts';
import { Refusal } from './refusal.ts';

const words: Readonly<
  Record<CaLimit, { readonly text: (burst: number, scope: string) => string; readonly anchor: string }>
> = {
  registrations: {
    text: (burst) => `too many new registrations (${burst}) from this IP address`,
    anchor: 'new-registrations-per-ip-address',
  },
  orders: {
    text: (burst) => `too many new orders (${burst}) from this account`,
    anchor: 'new-orders-per-account',
  },
  'certificates-per-domain': {
    text: (burst, scope) => `too many certificates (${burst}) already issued for "${scope}"`,
    anchor: 'new-certificates-per-registered-domain',
  },
  'certificates-per-set': {
    text: (burst) => `too many certificates (${burst}) already issued for this exact set of identifiers`,
    anchor: 'new-certificates-per-exact-set-of-identifiers',
  },
  'failed-authorizations': {
    text: (burst, scope) => `too many failed authorizations (${burst}) for "${scope.split(' ')[1]}"`,
    anchor: 'authorization-failures-per-identifier-per-account',
  },
  'consecutive-failures': {
    text: (burst, scope) =>
      `too many consecutive failed authorizations (${burst}) for "${scope.split(' ')[1]}"`,
    anchor: 'consecutive-authorization-failures-per-identifier-per-account',
  },
};

/** In Boulder's words and with its headers. */
export function limitRefusal(
  limit: CaLimit,
  scope: string,
  { burst, period }: CaLimitRule,
  until: number,
  seconds: number,
): Refusal {
  const { anchor, text } = words[limit];
  const time = new Date(until).toISOString().slice(0, 19).replace('T', ' ');
  const minutes = Math.round(period / 60_000);
  const duration = `${Math.floor(minutes / 60)}h${minutes % 60}m0s`;
  const detail = `${text(burst, scope)} in the last ${duration}, retry after ${time} UTC: see https://letsencrypt.org/docs/rate-limits/#${anchor}`;
  return new Refusal(
    { type: 'rateLimited', detail, status: 429 },
    { 'retry-after': String(seconds), link: '<https://letsencrypt.org/docs/rate-limits>;rel="help"' },
  );
}
