// Keys, CSRs, chains and PEM: created for an order, verified before they are stored, parsed from Secrets. Called by the steps and
// src/secret; no I/O.

import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { day, minute } from '../../machines/time/durations.ts';
import { certificateId } from './certificate-id.ts';
import { dnsNamesOf, parseCertificate, pemBlocks } from './pem.ts';

/** Error codes for the certificates that a CA sent. */
export type ChainErrorCode =
  | 'NoCertificate'
  | 'UnexpectedBlock'
  | 'Unparsable'
  | 'KeyMismatch'
  | 'HostsDiffer'
  | 'BrokenChain'
  | 'NotYetValid'
  | 'Expired';

/** The CA's answer is not a certificate that may be stored. */
export class ChainError extends Error {
  override readonly name = 'ChainError';
  readonly code: ChainErrorCode;

  constructor(code: ChainErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A chain that may be stored. */
export interface VerifiedChain {
  /** Leaf first, then each issuer; PEM, only certificates. */
  readonly chainPem: string;
  /** ARI certificate identifier (RFC 9773 section 4.1). */
  readonly id: string | undefined;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** Set if the certificate begins in the future: one of the clocks is wrong. */
  readonly notice: string | undefined;
}

/**
 * How far in the future a certificate may begin, in milliseconds. It is stored all the same, since it is unknown which clock is
 * wrong, and another order would not help.
 */
const toleratedClockError = day;

/**
 * Checks a chain before it is stored: only certificates (RFC 8555, section 9.1), a leaf for our key and exactly the ordered
 * hosts, each signed by the next one, valid now.
 *
 * @param hosts lower case
 * @param now milliseconds since the epoch
 * @throws ChainError
 */
export function verifyChain(
  chainPem: string,
  keyPem: string,
  hosts: readonly string[],
  now: number,
): VerifiedChain {
  const chain = readChain(chainPem);
  const [leaf] = chain;
  if (leaf === undefined) throw new ChainError('NoCertificate', 'The CA sent no certificate.');
  if (!leaf.checkPrivateKey(createPrivateKey(keyPem))) {
    throw new ChainError('KeyMismatch', 'The CA sent a certificate for another key.');
  }
  checkHosts(dnsNamesOf(leaf), hosts);
  checkSignatures(chain);
  return { chainPem: chain.map(String).join(''), id: certificateId(leaf), ...checkValidity(leaf, now) };
}

function readChain(chainPem: string): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (const block of pemBlocks(chainPem)) {
    if (block.label !== 'CERTIFICATE') {
      throw new ChainError('UnexpectedBlock', `The CA sent a ${block.label} among the certificates.`);
    }
    const certificate = parseCertificate(block);
    if (certificate === undefined) {
      const message = `Certificate ${chain.length + 1} that the CA sent cannot be parsed.`;
      throw new ChainError('Unparsable', message);
    }
    chain.push(certificate);
  }
  return chain;
}

function checkHosts(dnsNames: readonly string[], hosts: readonly string[]): void {
  const missing = hosts.filter((host) => !dnsNames.includes(host));
  const surplus = dnsNames.filter((name) => !hosts.includes(name));
  if (missing.length === 0 && surplus.length === 0) return;
  const differences = [
    ...missing.map((host) => `${host} is missing`),
    ...surplus.map((name) => `${name} was not ordered`),
  ];
  const message = `The CA sent a certificate for other hosts than ordered: ${differences.join(', ')}.`;
  throw new ChainError('HostsDiffer', message);
}

function checkSignatures(chain: readonly X509Certificate[]): void {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1];
    if (issuer === undefined) return;
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
      const message = `Certificate ${index + 1} that the CA sent is not signed by the next one.`;
      throw new ChainError('BrokenChain', message);
    }
  }
}

function checkValidity(leaf: X509Certificate, now: number): Omit<VerifiedChain, 'chainPem' | 'id'> {
  const notBefore = leaf.validFromDate.getTime();
  const notAfter = leaf.validToDate.getTime();
  // This form also refuses an unreadable date (NaN).
  if (!(notAfter > now && notAfter > notBefore)) {
    const message = `The CA sent a certificate that expired at ${leaf.validTo}; is the local clock right?`;
    throw new ChainError('Expired', message);
  }
  if (!(notBefore <= now + toleratedClockError)) {
    const message = `The CA sent a certificate that is not valid before ${leaf.validFrom}; is the local clock right?`;
    throw new ChainError('NotYetValid', message);
  }
  const minutes = Math.ceil((notBefore - now) / minute);
  const notice =
    minutes > 0
      ? `The certificate is valid only in ${minutes} min by the local clock: this clock or the CA's is wrong.`
      : undefined;
  return { notBefore, notAfter, notice };
}
