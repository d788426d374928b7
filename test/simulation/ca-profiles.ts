import { day, hour } from './time-units.ts';

/** Let's Encrypt, docs/profiles.md of 2026-07-14. */
export const profiles = {
  classic: '90 days, later 64 and 45',
  tlsserver: '45 days',
  shortlived: '160 hours',
} as const;

/** When classic certificates become shorter. */
export const lifetimeChanges = {
  to64Days: Date.UTC(2027, 1, 10),
  to45Days: Date.UTC(2028, 1, 16),
} as const;

/** Milliseconds that a certificate issued at this time lives. */
export function lifetimeOf(profile: string, at: number): number {
  if (profile === 'shortlived') return 160 * hour;
  if (profile === 'tlsserver' || at >= lifetimeChanges.to45Days) return 45 * day;
  return at >= lifetimeChanges.to64Days ? 64 * day : 90 * day;
}

/** Milliseconds for which a proof of a host counts. */
export function proofLifetime(profile: string, at: number): number {
  if (profile !== 'classic' || at >= lifetimeChanges.to45Days) return 7 * hour;
  return at >= lifetimeChanges.to64Days ? 10 * day : 30 * day;
}

export function orderLifetime(profile: string): number {
  return profile === 'classic' ? 7 * day : 8 * hour;
}
