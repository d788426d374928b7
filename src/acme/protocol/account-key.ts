import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/** The key of an ACME account, parsed once for all signatures. */
export interface AccountKey {
  readonly privateKey: KeyObject;
  /** The public key, required members only, in lexicographic order (RFC 7638 section 3). */
  readonly jwk: Readonly<Record<string, unknown>>;
  /** JWK thumbprint (RFC 7638), the second half of every key authorization. */
  readonly thumbprint: string;
  /** Of its signatures (RFC 7518 section 3.1), such as `ES256`. */
  readonly algorithm: string;
}

/** The JWS algorithm of each type of account key. */
const algorithms = {
  'ec-p256': 'ES256',
  'ec-p384': 'ES384',
  'rsa-2048': 'RS256',
  'rsa-3072': 'RS256',
  'rsa-4096': 'RS256',
} as const;

/** A type of key that accounts are registered with. */
export type AccountKeyType = keyof typeof algorithms;

/** The types in the order in which they are tried if none is configured. */
export const accountKeyTypes: readonly [AccountKeyType, ...AccountKeyType[]] = [
  'ec-p256',
  'rsa-2048',
  'ec-p384',
];

/**
 * The first type of key whose signatures the CA accepts, according to its refusal of another one.
 * @param accepted `algorithms` of the refusal (RFC 8555 section 6.2); empty if it lists none
 * @param refused algorithm of the refused key
 */
export function acceptedKeyType(
  types: readonly AccountKeyType[],
  accepted: readonly string[],
  refused: string,
): AccountKeyType | undefined {
  return types.find((type) => {
    const algorithm = algorithms[type];
    return algorithm !== refused && (accepted.length === 0 || accepted.includes(algorithm));
  });
}

/** The type of a new key whose signatures have the same algorithm as those of this one; the default if there is none. */
export function likeKey({ algorithm }: Pick<AccountKey, 'algorithm'>): AccountKeyType {
  return accountKeyTypes.find((type) => algorithms[type] === algorithm) ?? accountKeyTypes[0];
}

/** A new private key, PKCS#8 PEM. */
export async function generateAccountKey(type: AccountKeyType): Promise<string> {
  const [family, size = ''] = type.split('-');
  const { privateKey } =
    family === 'rsa'
      ? await promisify(generateKeyPair)('rsa', { modulusLength: Number(size) })
      : await promisify(generateKeyPair)('ec', { namedCurve: size.replace('p', 'P-') });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** @throws Error if it is not an RSA or EC private key in PEM */
export function readAccountKey(pem: string): AccountKey {
  const privateKey = createPrivateKey(pem);
  const { crv, e, kty, n, x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (kty !== 'EC' && kty !== 'RSA') throw new Error(`keys of type ${kty} are not supported`);
  const jwk = kty === 'EC' ? { crv, kty, x, y } : { e, kty, n };
  const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
  const byCurve: Readonly<Record<string, string>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' };
  return { privateKey, jwk, thumbprint, algorithm: byCurve[crv ?? ''] ?? 'RS256' };
}
