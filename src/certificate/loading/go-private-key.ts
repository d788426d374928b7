import { createECDH, createPrivateKey, createPublicKey } from 'node:crypto';
import { DerError, DerReader, derTag } from '../der.ts';
import { curves, keyAlgorithm, type PublicKey } from './go-certificate.ts';

/**
 * The public key of a private key, read by the rules of Go's crypto/tls: PKCS#1, PKCS#8 or SEC1, whatever the label says, with a
 * named curve and consistent numbers.
 *
 * @throws DerError that says what Go refuses; it contains nothing of the key
 */
export function readGoPrivateKey(der: Buffer): PublicKey {
  const outer = new DerReader(der, 'private key');
  const fields = outer.sequence();
  fields.integer();
  if (fields.isNext(derTag.sequence)) return readPkcs8(fields);
  if (fields.isNext(derTag.octetString)) return readEc(new DerReader(der, 'EC private key'), undefined);
  if (!outer.isEmpty) throw new DerError('trailing data after the private key');
  return readRsa(new DerReader(der, 'RSA private key'));
}

function readPkcs8(fields: DerReader): PublicKey {
  const algorithm = fields.sequence();
  const identifier = algorithm.objectIdentifier();
  const content = fields.read(derTag.octetString);
  if (identifier === keyAlgorithm.rsa) {
    const reader = new DerReader(content, 'RSA private key');
    const key = readRsa(reader);
    if (!reader.isEmpty) throw reader.error();
    return key;
  }
  if (identifier === keyAlgorithm.ec) {
    const curve = algorithm.isNext(derTag.objectIdentifier) ? algorithm.objectIdentifier() : undefined;
    return readEc(new DerReader(content, 'EC private key'), curve);
  }
  if (identifier !== keyAlgorithm.ed25519) throw new DerError('a type of private key that Go does not serve');
  const seed = new DerReader(content, 'Ed25519 private key').read(derTag.octetString);
  if (!algorithm.isEmpty || seed.length !== 32) throw new DerError('invalid Ed25519 private key');
  return { type: 'ed25519', bytes: publicKeyOf(seed) };
}

/** PKCS#8 of an Ed25519 key (RFC 8410, section 7), up to its seed. */
const ed25519Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

function publicKeyOf(seed: Buffer): Buffer {
  const key = createPrivateKey({
    key: Buffer.concat([ed25519Prefix, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url');
}

/** RFC 8017, appendix A.1.2. A key of more than two primes is read without its numbers being compared. */
function readRsa(reader: DerReader): PublicKey {
  const key = reader.sequence();
  const version = key.natural();
  const [n, e, d, p, q, dp, dq, qi] = Array.from({ length: 8 }, () => key.natural());
  if (n === undefined || e === undefined || d === undefined || p === undefined || q === undefined) {
    throw key.error();
  }
  if (dp === undefined || dq === undefined || qi === undefined || version > 1n) throw key.error();
  const isPublic = n % 2n === 1n && e >= 3n && e % 2n === 1n && e < 2n ** 31n;
  const isConsistent =
    p > 1n &&
    q > 1n &&
    p * q === n &&
    d % (p - 1n) === dp &&
    d % (q - 1n) === dq &&
    (e * dp) % (p - 1n) === 1n &&
    (e * dq) % (q - 1n) === 1n &&
    (qi * q) % p === 1n;
  if (!isPublic || !(version === 1n || isConsistent)) throw key.error();
  return { type: 'rsa', modulus: n, exponent: e };
}

/** RFC 5915, section 3. */
function readEc(reader: DerReader, named: string | undefined): PublicKey {
  const key = reader.sequence();
  const version = key.natural();
  let scalar = key.read(derTag.octetString);
  const parameters = key.optional(0xa0);
  const inner = parameters && new DerReader(parameters, 'elliptic curve').objectIdentifier();
  const stated = key.optional(0xa1);
  if (stated !== undefined) new DerReader(stated, key.what).bitString();
  const curve = curves[named ?? inner ?? ''];
  if (version !== 1n || curve === undefined) throw new DerError('an elliptic curve that Go does not have');
  while (scalar.length > curve.octets && scalar[0] === 0) scalar = scalar.subarray(1);
  const ecdh = createECDH(curve.name);
  try {
    ecdh.setPrivateKey(scalar);
  } catch {
    throw key.error();
  }
  return { type: 'ec', curve: curve.name, point: ecdh.getPublicKey() };
}

/** Whether two public keys are the same. */
export function isSameKey(a: PublicKey, b: PublicKey): boolean {
  if (a.type === 'rsa') return b.type === 'rsa' && a.modulus === b.modulus && a.exponent === b.exponent;
  if (a.type === 'ec') return b.type === 'ec' && a.curve === b.curve && a.point.equals(b.point);
  return b.type === 'ed25519' && a.bytes.equals(b.bytes);
}
