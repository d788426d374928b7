import { hash, type X509Certificate } from 'node:crypto';

/** Tells a certificate in the record of holders: the first 16 characters (96 bits) of the base64url SHA-256 of its DER. */
export function fingerprintOf({ raw }: Pick<X509Certificate, 'raw'>): string {
  return hash('sha256', raw, 'base64url').slice(0, 16);
}
