import type { RateLimits } from '../ledger/rate-limits.ts';
import { day, hour, second } from '../time/durations.ts';

/** What is known of a public CA before its first answer. */
export interface KnownCa {
  readonly directoryUrl: string;
  /** Its certificates are for tests: browsers do not trust them. */
  readonly isStaging: boolean;
  /** Directory of its staging CA, for rehearsals. */
  readonly stagingUrl?: string;
  readonly limits?: RateLimits['limits'];
  /** Of its default profile, as announced, oldest first; none: they do not change. */
  readonly lifetimes?: readonly Lifetime[];
}

/** The lifetime of certificates issued since `from` (milliseconds since the epoch), in milliseconds. */
export interface Lifetime {
  readonly from: number;
  readonly lifetime: number;
}

/** letsencrypt.org, 2025-12-02: from 90 to 45 days. */
const lifetimes: readonly Lifetime[] = [
  { from: 0, lifetime: 90 * day },
  { from: Date.UTC(2027, 1, 10), lifetime: 64 * day },
  { from: Date.UTC(2028, 1, 16), lifetime: 45 * day },
];

/** docs/staging-environment.md of 2026-04-10. */
export const letsEncryptStaging = {
  directoryUrl: 'https://acme-staging-v02.api.letsencrypt.org/directory',
  isStaging: true,
  limits: {
    'orders-per-account': { burst: 1500, period: 3 * hour },
    'certificates-per-registered-domain': { burst: 30_000, period: second },
    'certificates-per-exact-set': { burst: 30_000, period: 7 * day },
    'authorization-failures': { burst: 200, period: hour },
    'consecutive-authorization-failures': { burst: 3600, period: 6 * hour },
  },
  lifetimes,
} as const satisfies KnownCa;

/** docs/rate-limits.md of 2026-08-05. */
export const letsEncrypt = {
  directoryUrl: 'https://acme-v02.api.letsencrypt.org/directory',
  isStaging: false,
  stagingUrl: letsEncryptStaging.directoryUrl,
  limits: {
    'orders-per-account': { burst: 300, period: 3 * hour },
    'certificates-per-registered-domain': { burst: 50, period: 7 * day },
    'certificates-per-exact-set': { burst: 5, period: 7 * day },
    'authorization-failures': { burst: 5, period: hour },
    'consecutive-authorization-failures': { burst: 1152, period: 1152 * day },
  },
  lifetimes,
} as const satisfies KnownCa;

const googleStaging: KnownCa = {
  directoryUrl: 'https://dv.acme-v02.test-api.pki.goog/directory',
  isStaging: true,
};

const byHost: ReadonlyMap<string | undefined, KnownCa> = new Map(
  [letsEncrypt, letsEncryptStaging, googleStaging].map((ca) => [hostOf(ca.directoryUrl), ca]),
);

/** The CA with this directory; undefined if nothing is known of it. */
export function knownCa(directoryUrl: string): KnownCa | undefined {
  return byHost.get(hostOf(directoryUrl));
}

const defaultReserve = 0.2;

/** The known limits of the CA with this directory; none for other CAs. */
export function presetLimits(directoryUrl: string): RateLimits {
  return { limits: knownCa(directoryUrl)?.limits ?? {}, reserve: defaultReserve };
}

function hostOf(url: string): string | undefined {
  return URL.parse(url)?.hostname;
}
