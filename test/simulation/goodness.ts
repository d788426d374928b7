import type { Validity } from '../../machines/assessment/renewal.ts';
import { day, hour, minute } from './time-units.ts';

/** When a certificate should be renewed: Let's Encrypt, integration guide. */
export function renewalDue({ notBefore, notAfter }: Validity): number {
  const lifetime = notAfter - notBefore;
  return notAfter - (lifetime < 10 * day ? lifetime / 2 : lifetime / 3);
}

/** The longest that a failing certificate may be left alone, and the time for the attempt itself and its turn in the queue. */
export function retryInterval(certificate: Validity): number {
  const left = certificate.notAfter - renewalDue(certificate);
  const step = Math.min(day, Math.max(left / 6, 100 * minute));
  return 1.15 * step + hour;
}

/** The longest time between two others in which nothing was bad. */
export function longestGoodSpan(
  bad: readonly (readonly [from: number, until: number])[],
  from: number,
  until: number,
): number {
  let longest = 0;
  let goodSince = from;
  for (const [start, end] of bad.toSorted(([one], [other]) => one - other)) {
    longest = Math.max(longest, Math.min(start, until) - goodSince);
    goodSince = Math.max(goodSince, end);
  }
  return Math.max(longest, until - goodSince);
}
