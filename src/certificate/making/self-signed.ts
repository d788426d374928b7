import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyType } from '../../../machines/ownership/desired-certificate.ts';
import { derBitString, derElement, derObjectIdentifier, derSequence, derTag } from '../der.ts';
import { generateKey } from '../key.ts';
import { alternativeNames, distinguishedName, extension, signatureAlgorithm } from './x509-writing.ts';

export interface SigningKey {
  readonly key: KeyObject;
  /** PKCS#8. */
  readonly keyPem: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
}

export interface SelfSignedNames {
  readonly commonName: string;
  /** DNS names, at least one. */
  readonly hosts: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export async function newSigningKey(keyType: KeyType): Promise<SigningKey> {
  const keyPem = await generateKey(keyType);
  const publicKey = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  return { key: createPrivateKey(keyPem), keyPem, publicKey };
}

const signInThread = promisify(sign);

/** A certificate (RFC 5280, section 4.1) as CAs of the internet issue them, but self-signed; PEM. */
export async function selfSigned(
  { key, publicKey }: SigningKey,
  { commonName, hosts, notBefore, notAfter }: SelfSignedNames,
): Promise<string> {
  const algorithm = signatureAlgorithm(key);
  const name = distinguishedName(commonName);
  const extensions = [
    extension('551d0f', true, derElement(derTag.bitString, Buffer.from('0780', 'hex'))), // digitalSignature
    extension('551d25', false, derSequence(derObjectIdentifier('2b06010505070301'))), // serverAuth
    extension('551d13', true, derSequence()), // not a CA
    alternativeNames(hosts),
  ];
  const body = derSequence(
    derElement(0xa0, derElement(derTag.integer, Buffer.of(2))),
    derElement(derTag.integer, Buffer.of(0x01), randomBytes(15)),
    algorithm,
    name,
    derSequence(time(notBefore), time(notAfter)),
    name,
    publicKey,
    derElement(0xa3, derSequence(...extensions)),
  );
  // Hundreds of rounds may begin together, and RSA takes milliseconds; for EC the way to another thread costs more than the signature.
  const signed =
    key.asymmetricKeyType === 'ec' ? sign('sha256', body, key) : signInThread('sha256', body, key);
  const signature = derBitString(await signed);
  const base64 = derSequence(body, algorithm, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280, section 4.1.2.5). */
function time(at: number): Buffer {
  const text = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return Number(text.slice(0, 4)) < 2050
    ? derElement(derTag.utcTime, Buffer.from(text.slice(2)))
    : derElement(derTag.generalizedTime, Buffer.from(text));
}
