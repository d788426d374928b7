import { day, hour } from '../time/durations.ts';
import { spread } from '../time/spread.ts';

/** The life of a certificate, in milliseconds since the epoch. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** When the CA wants a certificate renewed (RFC 9773 section 4.2); times in milliseconds since the epoch. */
export interface RenewalWindow {
  readonly start: number;
  readonly end: number;
  /** The moment that was drawn in it, once. */
  readonly at: number;
  /** Where the CA explains itself. */
  readonly url?: string | undefined;
}

/** In which those renew whose window has passed when it is first seen, so that not all of them come at once. */
const jitter = hour;

/**
 * When to renew, in milliseconds since the epoch. By the CA's word that is the moment drawn in its window; but not when half of the time is
 * gone that the rule leaves, because a CA must not be able to let a certificate end; and not within a day of its issuance (a quarter of
 * its life, if that is shorter), so that a CA which always says "now" is not asked again and again.
 *
 * The rule: when the time left falls below a third of the lifetime (half of it under 10 days, as Let's Encrypt's
 * integration guide asks) or below `minimumValidity`, whichever is shorter.
 *
 * @param minimumValidity milliseconds, `LEGO_MINIMUM_VALIDITY`
 * @param window if the CA has suggested one for this certificate
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
 * Draws the moment in a window, evenly, the same one each time. A window that has passed already is about a certificate that should be gone,
 * such as one that is about to be revoked: within the next hour.
 *
 * @param id of the certificate (RFC 9773 section 4.1)
 * @param now milliseconds since the epoch
 */
export function drawRenewal(id: string, start: number, end: number, now: number): number {
  const share = spread(`${id} ${start} ${end}`);
  return Math.floor(end <= now ? now + share * jitter : start + share * (end - start));
}

/** Whether the CA counts no renewal now for its limits (Let's Encrypt: only within its own window). */
export function isWithin({ start, end }: RenewalWindow, now: number): boolean {
  return start <= now && now < end;
}
