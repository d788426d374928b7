import { day } from '../time/durations.ts';

/** From when on new certificates live so long, in milliseconds. */
export interface Lifetime {
  readonly from: number;
  readonly lifetime: number;
}

/** Let's Encrypt's certificates of the default profile (letsencrypt.org, 2025-12-02: from 90 to 45). */
export const letsEncryptLifetimes: readonly Lifetime[] = [
  { from: 0, lifetime: 90 * day },
  { from: Date.UTC(2027, 1, 10), lifetime: 64 * day },
  { from: Date.UTC(2028, 1, 16), lifetime: 45 * day },
];

/** A certificate that is going to be renewed; times in milliseconds since the epoch. */
interface Renewable {
  readonly notAfter: number;
  readonly renewAt: number;
}

/**
 * How many renewals there will be on each day, by UTC: the coming one of each certificate, and those that follow until then. A renewed certificate
 * lives as long as the one before, or as the CA's rules of that day allow, and is renewed after the same share of its life.
 *
 * @param lifetimes none: everything stays as it is
 * @param until milliseconds since the epoch; no day from then on is counted
 */
export function renewalsAhead(
  certificates: Iterable<Renewable>,
  lifetimes: readonly Lifetime[],
  now: number,
  until: number,
): ReadonlyMap<number, number> {
  const days = new Map<number, number>();
  for (const { notAfter, renewAt } of certificates) {
    const left = Math.max(notAfter - renewAt, 0);
    // Half of a short life is left at its renewal, a third of any other.
    const isShort = left < 5 * day;
    const lifetime = left * (isShort ? 2 : 3);
    for (let at = Math.max(renewAt, now); at < until; ) {
      const date = at - (at % day);
      days.set(date, (days.get(date) ?? 0) + 1);
      const next = Math.min(lifetime, lifetimeAt(lifetimes, at) ?? lifetime);
      at += Math.max(next * (isShort ? 1 / 2 : 2 / 3), day / 24);
    }
  }
  return days;
}

function lifetimeAt(lifetimes: readonly Lifetime[], at: number): number | undefined {
  return lifetimes.findLast(({ from }) => from <= at)?.lifetime;
}
