import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyType } from '../../machines/ownership/desired-certificate.ts';
import { day, hour } from '../../machines/time/durations.ts';
import { derBitString, derElement, derObjectIdentifier, derSequence, derTag } from './der.ts';
import { generateKey } from './key.ts';
import { alternativeNames, distinguishedName, extension, signatureAlgorithm } from './x509-writing.ts';

export interface TrialPair {
  /** A self-signed certificate. */
  readonly chainPem: string;
  /** PKCS#8. */
  readonly keyPem: string;
}

interface TrialKey {
  readonly key: KeyObject;
  readonly keyPem: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
}

/**
 * Key pairs with which a write is tried before there is a certificate: policies and webhooks may look into a TLS Secret. One key of each
 * type for the life of the process, as it protects nothing.
 */
export class TrialPairs {
  readonly #keys = new Map<KeyType, Promise<TrialKey>>();

  /** @param now milliseconds since the epoch, in the validity of the certificate */
  async make(hosts: readonly string[], keyType: KeyType, now: number): Promise<TrialPair> {
    const key = await this.#key(keyType);
    return { chainPem: await selfSigned(hosts, key, now), keyPem: key.keyPem };
  }

  #key(keyType: KeyType): Promise<TrialKey> {
    const known = this.#keys.get(keyType);
    if (known !== undefined) return known;
    const made = generateKey(keyType).then((keyPem) => {
      const publicKey = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
      return { key: createPrivateKey(keyPem), keyPem, publicKey };
    });
    this.#keys.set(keyType, made);
    made.catch(() => this.#keys.delete(keyType));
    return made;
  }
}

const commonName = 'kube-lego dry run';
const signInThread = promisify(sign);

/** A certificate (RFC 5280, section 4.1) as CAs of the internet issue them, for 90 days, but self-signed. */
async function selfSigned(
  hosts: readonly string[],
  { key, publicKey }: TrialKey,
  now: number,
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
    derSequence(time(now - hour), time(now + 90 * day)),
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
