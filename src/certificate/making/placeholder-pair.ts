import { X509Certificate } from 'node:crypto';
import { day, hour } from '../../../machines/time/durations.ts';
import { fingerprintOf } from '../fingerprint.ts';
import { newSigningKey, selfSigned } from './self-signed.ts';

export interface PlaceholderPair {
  /** A self-signed certificate. */
  readonly chainPem: string;
  /** PKCS#8. */
  readonly keyPem: string;
  /** Of the certificate. */
  readonly fingerprint: string;
}

/** Nobody shall be woken because a placeholder has expired, and none is trusted. */
const lifetime = 3650 * day;
const commonName = 'kube-lego placeholder';
const nobodysHost = 'placeholder.invalid';

/**
 * A key pair that lets a listener come up before it has a certificate.
 * @param hosts DNS names; none if they are not known yet
 * @param now milliseconds since the epoch
 */
export async function placeholderPair(hosts: readonly string[], now: number): Promise<PlaceholderPair> {
  const key = await newSigningKey('ec-p256');
  const names = hosts.length === 0 ? [nobodysHost] : hosts;
  const validity = { notBefore: now - hour, notAfter: now + lifetime };
  const chainPem = await selfSigned(key, { commonName, hosts: names, ...validity });
  return { chainPem, keyPem: key.keyPem, fingerprint: fingerprintOf(new X509Certificate(chainPem)) };
}
