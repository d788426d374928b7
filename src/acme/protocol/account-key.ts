import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** The key of an ACME account, parsed once for all signatures. */
export interface AccountKey {
  readonly privateKey: KeyObject;
  /** The public key, required members only, in lexicographic order (RFC 7638 section 3). */
  readonly jwk: Readonly<Record<string, unknown>>;
  /** JWK thumbprint (RFC 7638), the second half of every key authorization. */
  readonly thumbprint: string;
}

/** @throws Error if it is not an RSA or EC private key in PEM */
export function readAccountKey(pem: string): AccountKey {
  const privateKey = createPrivateKey(pem);
  const { crv, e, kty, n, x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (kty !== 'EC' && kty !== 'RSA') throw new Error(`keys of type ${kty} are not supported`);
  const jwk = kty === 'EC' ? { crv, kty, x, y } : { e, kty, n };
  const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
  return { privateKey, jwk, thumbprint };
}
