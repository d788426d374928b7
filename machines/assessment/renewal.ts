import { day, hour } from '../time/durations.ts';
import { spread } from '../time/spread.ts';

/** In milliseconds since the epoch. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The suggested window of ARI (RFC 9773 section 4.2); times in milliseconds since the epoch. */
export interface RenewalWindow {
  readonly start: number;
  readonly end: number;
  /** The renewal time, selected once within the window. */
  readonly at: number;
  /** `explanationURL`. */
  readonly url?: string | undefined;
}

/** Certificates whose window has passed when first seen are renewed within this time, not all at once. */
const jitter = hour;

/**
 * When to renew, in milliseconds since the epoch.
 *
 * Regular: when the time left falls below a third of the lifetime (half of a lifetime under 10 days, see the integration guide of
 * Let's Encrypt) or below `minimumValidity`, whichever is shorter.
 *
 * With ARI: at the time selected within the window. Not later than at half of the time that the regular rule leaves, since a CA
 * must not let a certificate expire; not within a day of issuance (a quarter of a shorter lifetime), to prevent a loop of orders if
 * the CA always suggests "now".
 *
 * @param minimumValidity milliseconds, `LEGO_MINIMUM_VALIDITY`
 * @param window of this certificate, if the CA has suggested one
 */
export function renewalTime(
  { notBefore, notAfter }: Validity,
  minimumValidity: number,
  window?: RenewalWindow,
): number {
  const lifetime = notAfter - notBefore;
  const share = lifetime < 10 * day ? lifetime / 2 : lifetime / 3;
  const left = Math.min(minimumValidity, share);
  if (window === undefined) return notAfter - left;
  const earliest = notBefore + Math.min(day, lifetime / 4);
  return Math.max(earliest, Math.min(window.at, notAfter - left / 2));
}

/**
 * Selects the renewal time in a window, uniformly and deterministically. A window in the past means that the certificate should
 * already be replaced, for instance before it is revoked: within the next hour.
 *
 * @param id ARI certificate identifier (RFC 9773 section 4.1)
 * @param now milliseconds since the epoch
 */
export function drawRenewal(id: string, start: number, end: number, now: number): number {
  const share = spread(`${id} ${start} ${end}`);
  return Math.floor(end <= now ? now + share * jitter : start + share * (end - start));
}

/** Whether a renewal is exempt from rate limits now (Let's Encrypt: only within the window). */
export function isWithin({ start, end }: RenewalWindow, now: number): boolean {
  return start <= now && now < end;
}
