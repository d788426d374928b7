// What kube-lego makes itself: CSRs, placeholder and trial pairs, keystores. Called by the steps; no I/O.

import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { derBitString, derElement, derObjectIdentifier, derSequence, derTag } from '../der.ts';
import { alternativeNames, distinguishedName, signatureAlgorithm } from './x509-writing.ts';

/** Whether a CSR has a common name: CAs use the subjectAltName, but some insist on it (`LEGO_COMMON_NAME`). */
export type CommonName = 'first' | 'none';

/** RFC 5280, appendix A.1, ub-common-name. */
const longestCommonName = 64;
/** RFC 2985 section 5.4.2, extensionRequest. */
const extensionRequest = derObjectIdentifier('2a864886f70d01090e');

/**
 * A CSR for the hosts (RFC 2986), DER.
 *
 * @param hosts lower case, A-labels
 * @param keyPem the private key that signs it, RSA or EC, PEM
 * @param commonName `first`: the first host that is short enough for it
 */
export function createCsr(hosts: readonly string[], keyPem: string, commonName: CommonName = 'none'): Buffer {
  const key = createPrivateKey(keyPem);
  const name = commonName === 'first' ? hosts.find((host) => host.length <= longestCommonName) : undefined;
  const extensions = derElement(derTag.set, derSequence(alternativeNames(hosts)));
  const body = derSequence(
    derElement(derTag.integer, Buffer.of(0)),
    distinguishedName(name),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    derElement(0xa0, derSequence(extensionRequest, extensions)),
  );
  return derSequence(body, signatureAlgorithm(key), derBitString(sign('sha256', body, key)));
}
