import type { KeyType } from '../../../machines/ownership/desired-certificate.ts';
import { day, hour } from '../../../machines/time/durations.ts';
import { newSigningKey, type SigningKey, selfSigned } from './self-signed.ts';

export interface TrialPair {
  /** A self-signed certificate. */
  readonly chainPem: string;
  /** PKCS#8. */
  readonly keyPem: string;
}

const commonName = 'kube-lego dry run';

/**
 * Key pairs with which a write is tried before there is a certificate: policies and webhooks may look into a TLS Secret. One key of each
 * type for the life of the process, as it protects nothing.
 */
export class TrialPairs {
  readonly #keys = new Map<KeyType, Promise<SigningKey>>();

  /** @param now milliseconds since the epoch, in the validity of the certificate */
  async make(hosts: readonly string[], keyType: KeyType, now: number): Promise<TrialPair> {
    const key = await this.#key(keyType);
    const names = { commonName, hosts, notBefore: now - hour, notAfter: now + 90 * day };
    return { chainPem: await selfSigned(key, names), keyPem: key.keyPem };
  }

  #key(keyType: KeyType): Promise<SigningKey> {
    const known = this.#keys.get(keyType);
    if (known !== undefined) return known;
    const made = newSigningKey(keyType);
    this.#keys.set(keyType, made);
    made.catch(() => this.#keys.delete(keyType));
    return made;
  }
}
