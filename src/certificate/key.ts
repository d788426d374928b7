import {
  createPrivateKey,
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
  type KeyPairKeyObjectResult,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyType } from '../../machines/ownership/desired-certificate.ts';

const generateKeyPairAsync = promisify(generateKeyPair);

/** A new private key as PKCS#8 PEM, which every ingress controller reads for either algorithm. */
export async function generateKey(type: KeyType): Promise<string> {
  const { privateKey } = await generatePair(type);
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function generatePair(type: KeyType): Promise<KeyPairKeyObjectResult> {
  // 0.1 ms; in the thread pool it would wait for RSA keys, which take up to seconds.
  if (type === 'ec-p256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return generateKeyPairAsync('rsa', { modulusLength: Number(type.slice('rsa-'.length)) });
}

/** The private key in a PEM text; undefined when it cannot be parsed. */
export function parsePrivateKey(pem: string | Buffer): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

/** Whether this is a private key, PEM. */
export function isPrivateKey(pem: string): boolean {
  return parsePrivateKey(pem) !== undefined;
}
