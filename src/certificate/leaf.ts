import type { KeyObject, X509Certificate } from 'node:crypto';
import type { Validity } from '../../machines/assessment/renewal.ts';
import { certificateOf, longestChain } from './pem.ts';
import { validityOf } from './validity.ts';

/** The certificate that a `tls.crt` begins with. */
export interface Leaf extends Validity {
  readonly certificate: X509Certificate;
  readonly publicKey: KeyObject;
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
    const { publicKey } = certificate;
    const validity = validityOf(certificate);
    return validity && { certificate, publicKey, ...validity };
  } catch {
    return undefined;
  }
}
