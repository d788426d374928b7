import {
  createHash,
  createHmac,
  createPublicKey,
  type KeyObject,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { isRecord, recordField, stringField } from '../../src/process/json.ts';
import { malformed, Refusal } from './refusal.ts';

/** A request's body, read but not trusted yet (RFC 8555 section 6.2). */
export interface Jws {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly jwk: Readonly<Record<string, unknown>> | undefined;
  readonly nonce: string | undefined;
  readonly url: string | undefined;
  /** Decoded; empty for a POST-as-GET. */
  readonly payload: string;
  readonly signed: string;
  readonly signature: Buffer;
}

export interface PublicKey {
  readonly object: KeyObject;
  /** RFC 7638 */
  readonly thumbprint: string;
}

const hashes: Readonly<Record<string, string>> = {
  RS256: 'sha256',
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
};
const curves: Readonly<Record<string, string>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
};
const macs: Readonly<Record<string, string>> = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };
const base64url = /^[A-Za-z0-9_-]*$/;

/** @throws Refusal if it is no flattened JWS with one signature and a protected header */
export function parseJws(body: string): Jws {
  return readJws(parseObject(body, 'The request is not a JWS in JSON'));
}

/** @throws Refusal like `parseJws` */
export function readJws(jws: Readonly<Record<string, unknown>>): Jws {
  if ('header' in jws) throw malformed('JWS has an unprotected header');
  if ('signatures' in jws) throw malformed('JWS has several signatures');
  const protectedText = part(jws, 'protected');
  const payload = part(jws, 'payload');
  const signature = part(jws, 'signature');
  const header = parseObject(decode(protectedText), 'The protected header is not JSON');
  if (header['b64'] === false || 'crit' in header) throw malformed('JWS has extensions that are not known');
  return {
    alg: stringField(header, 'alg') ?? '',
    kid: stringField(header, 'kid'),
    jwk: recordField(header, 'jwk'),
    nonce: stringField(header, 'nonce'),
    url: stringField(header, 'url'),
    payload: decode(payload),
    signed: `${protectedText}.${payload}`,
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** The payload as a JSON object. */
export function payloadOf(jws: Jws): Record<string, unknown> {
  return parseObject(jws.payload, 'The payload is not a JSON object');
}

/** @throws Refusal if the algorithm is none of Boulder's or does not fit the key, or the signature is wrong */
export function verifyJws(jws: Jws, key: PublicKey): void {
  checkAlgorithm(jws);
  const { asymmetricKeyDetails: details, asymmetricKeyType: type } = key.object;
  const fits = jws.alg === 'RS256' ? type === 'rsa' : details?.namedCurve === curves[jws.alg];
  if (!fits) throw malformed(`JWS has alg ${jws.alg}, which does not fit its key`);
  const how = { key: key.object, dsaEncoding: 'ieee-p1363' } as const;
  if (!verify(hashes[jws.alg], Buffer.from(jws.signed), how, jws.signature))
    throw malformed('JWS verification error');
}

/** @throws Refusal with the algorithms that there are (RFC 8555 section 6.2) */
export function checkAlgorithm({ alg }: Jws, algorithms: readonly string[] = Object.keys(hashes)): void {
  if (algorithms.includes(alg)) return;
  const detail = `JWS signature header contains unsupported algorithm ${JSON.stringify(alg)}`;
  throw new Refusal({ type: 'badSignatureAlgorithm', detail, status: 400 }, {}, { algorithms });
}

/** @throws Refusal if the MAC of an external account binding is wrong (RFC 8555 section 7.3.4) */
export function verifyMac(jws: Jws, key: Buffer): void {
  const hash = macs[jws.alg];
  if (hash === undefined) throw malformed('The external account binding has an unsupported MAC algorithm');
  const mac = createHmac(hash, key).update(jws.signed).digest();
  if (mac.length !== jws.signature.length || !timingSafeEqual(mac, jws.signature))
    throw malformed('External account binding JWS verification error');
}

/** @throws Refusal badPublicKey if it is no key that Boulder accepts */
export function publicKey(jwk: Readonly<Record<string, unknown>>): PublicKey {
  const fields = jwk['kty'] === 'RSA' ? ['e', 'kty', 'n'] : ['crv', 'kty', 'x', 'y'];
  const required = Object.fromEntries(fields.map((field) => [field, stringField(jwk, field)]));
  try {
    const object = createPublicKey({ key: required, format: 'jwk' });
    const bits = object.asymmetricKeyDetails?.modulusLength;
    if (bits !== undefined && ![2048, 3072, 4096].includes(bits)) throw new Error(`${bits} bits`);
    return {
      object,
      thumbprint: createHash('sha256').update(JSON.stringify(required)).digest('base64url'),
    };
  } catch (cause) {
    const detail = `unable to accept the JWK: ${String(cause)}`;
    throw new Refusal({ type: 'badPublicKey', detail, status: 400 });
  }
}

function part(jws: Readonly<Record<string, unknown>>, field: string): string {
  const text = stringField(jws, field);
  if (text === undefined) throw malformed(`JWS has no ${field}`);
  if (!base64url.test(text)) throw malformed(`JWS has a ${field} that is not base64url without padding`);
  return text;
}

function decode(text: string): string {
  return Buffer.from(text, 'base64url').toString();
}

function parseObject(text: string, otherwise: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // Said below.
  }
  throw malformed(otherwise);
}
