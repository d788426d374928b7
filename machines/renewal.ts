const day = 24 * 60 * 60_000;

/** The life of a certificate, in milliseconds since the epoch. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * When to renew, in milliseconds since the epoch: when the time left falls below a third of the lifetime (half of it
 * under 10 days, as Let's Encrypt's integration guide asks) or below `minimumValidity`, whichever is shorter.
 *
 * @param minimumValidity milliseconds, `LEGO_MINIMUM_VALIDITY`
 */
export function renewalTime({ notBefore, notAfter }: Validity, minimumValidity: number): number {
  const lifetime = notAfter - notBefore;
  const share = lifetime < 10 * day ? lifetime / 2 : lifetime / 3;
  return notAfter - Math.min(minimumValidity, share);
}
