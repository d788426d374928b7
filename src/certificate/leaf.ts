import type { KeyObject, X509Certificate } from 'node:crypto';
import { certificateOf, longestChain } from './pem.ts';

/** The certificate that a `tls.crt` begins with. Times in milliseconds since the epoch. */
export interface Leaf {
  readonly certificate: X509Certificate;
  readonly publicKey: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Octets: a certificate for a thousand names. */
const longestLeaf = 96 * 1024;

/**
 * Reads a `tls.crt` as OpenSSL does. Never throws.
 * @returns undefined if it begins with no certificate, with one whose key or dates cannot be read, or with one that is much larger than
 *   any CA makes them
 */
export function readLeaf(chain: Buffer | undefined): Leaf | undefined {
  if (chain === undefined || chain.length > longestChain) return undefined;
  const certificate = certificateOf(chain);
  if (certificate === undefined || certificate.raw.length > longestLeaf) return undefined;
  try {
    // Node throws for some certificates that it has parsed, such as at a key of a kind that OpenSSL does not know.
    const { publicKey, validFromDate, validToDate } = certificate;
    const [notBefore, notAfter] = [validFromDate.getTime(), validToDate.getTime()];
    if (Number.isNaN(notBefore) || Number.isNaN(notAfter)) return undefined;
    return { certificate, publicKey, notBefore, notAfter };
  } catch {
    return undefined;
  }
}
