import type { Lifetime } from '../authority/known-cas.ts';
import { day } from '../time/durations.ts';

/** Times in milliseconds since the epoch. */
interface Renewable {
  readonly notAfter: number;
  readonly renewAt: number;
}

/**
 * The number of renewals on each UTC day: the next one of each certificate, and the subsequent ones. A renewed certificate has the
 * lifetime of the previous one, or the shorter one of the CA at that time, and is renewed after the same share of it.
 *
 * @param lifetimes empty: lifetimes do not change
 * @param until exclusive, milliseconds since the epoch
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
    // At renewal, half of a short lifetime is left, a third of any other.
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
