import type { KeyObject } from 'node:crypto';
import { derElement, derObjectIdentifier, derSequence, derTag } from '../der.ts';

// Parts of certificates and CSRs as DER (RFC 5280).

const ecdsaWithSha256 = derSequence(derObjectIdentifier('2a8648ce3d040302'));
const sha256WithRsa = derSequence(derObjectIdentifier('2a864886f70d01010b'), derElement(derTag.null));

/** AlgorithmIdentifier of a SHA-256 signature with this key, RSA or EC. */
export function signatureAlgorithm({ asymmetricKeyType }: KeyObject): Buffer {
  return asymmetricKeyType === 'ec' ? ecdsaWithSha256 : sha256WithRsa;
}

/** A Name; the empty one without a common name. */
export function distinguishedName(commonName: string | undefined): Buffer {
  if (commonName === undefined) return derSequence();
  const value = derElement(derTag.utf8String, Buffer.from(commonName));
  return derSequence(derElement(derTag.set, derSequence(derObjectIdentifier('550403'), value)));
}

/** @param id the encoded object identifier, hexadecimal */
export function extension(id: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [derElement(derTag.boolean, Buffer.of(0xff))] : [];
  return derSequence(derObjectIdentifier(id), ...flag, derElement(derTag.octetString, value));
}

/** The extension subjectAltName with these DNS names, A-labels. */
export function alternativeNames(hosts: readonly string[]): Buffer {
  return extension(
    '551d11',
    false,
    derSequence(...hosts.map((host) => derElement(0x82, Buffer.from(host, 'latin1')))),
  );
}
