import type { X509Certificate } from 'node:crypto';
import type { Validity } from '../../machines/assessment/renewal.ts';

/**
 * When a certificate is valid (RFC 5280, section 4.1.2.5).
 *
 * @returns undefined if OpenSSL cannot read one of the two dates
 * @throws Error for some certificates that Node has parsed
 */
export function validityOf(
  certificate: Pick<X509Certificate, 'validFrom' | 'validFromDate' | 'validTo' | 'validToDate'>,
): Validity | undefined {
  const { validFrom, validFromDate, validTo, validToDate } = certificate;
  // Of a date that cannot be read, such as the 31st of June, Node makes a Date from memory that nobody has set. It is printed as such.
  if (!isDate(validFrom) || !isDate(validTo)) return undefined;
  return { notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() };
}

function isDate(printed: string): boolean {
  return !Number.isNaN(Date.parse(printed));
}
