// Keys, CSRs, chains and PEM: created for an order, verified before they are stored, parsed from Secrets. Called by the steps and
// src/secret; no I/O.

import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { toleratedClockError } from '../../machines/assessment/defects.ts';
import type { Validity } from '../../machines/assessment/renewal.ts';
import { covers } from '../../machines/hosts/host-names.ts';
import { oneLine } from '../../machines/reasons/foreign-text.ts';
import { minute } from '../../machines/time/durations.ts';
import { certificationPath, hasIssuer } from './certification-path.ts';
import { dnsNamesOf, parseCertificate, pemBlocks, subjectOf } from './pem.ts';
import { readCertificate } from './reading.ts';
import { validityOf } from './validity.ts';

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
  /** Leaf first, then each issuer, without a root if there is another; PEM, only certificates. */
  readonly chainPem: string;
  /** ARI certificate identifier (RFC 9773 section 4.1). */
  readonly id: string | undefined;
  /** Of the leaf, see fingerprint.ts. */
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** Some servers or clients cannot use it, and another order would not help. */
  readonly flawed: boolean;
  /** What people should know of it. */
  readonly notices: readonly string[];
}

const longestSubject = 255;
/** Of those in a message. */
const mostNames = 20;

/**
 * Checks a chain before it is stored: only certificates (RFC 8555, section 9.1), a leaf for our key that covers the ordered hosts and
 * is valid now, and its issuers. They are sorted where the CA has not, and what does not belong to them is dropped.
 *
 * @param hosts lower case
 * @param now milliseconds since the epoch
 * @param caNow likewise by the CA's clock: the leaf must be valid by one of the two, since either may be wrong
 * @throws ChainError
 */
export function verifyChain(
  chainPem: string,
  keyPem: string,
  hosts: readonly string[],
  now: number,
  caNow: number = now,
): VerifiedChain {
  const chain = readChain(chainPem);
  if (chain.length === 0) throw new ChainError('NoCertificate', 'The CA sent no certificate.');
  const key = createPrivateKey(keyPem);
  const leaf = chain.find((certificate) => certificate.checkPrivateKey(key));
  if (leaf === undefined) throw new ChainError('KeyMismatch', 'The CA sent a certificate for another key.');
  const surplus = checkHosts(dnsNamesOf(leaf), hosts);
  const { path, strays } = certificationPath(leaf, chain, now);
  // What follows the leaf in its path has issued it.
  if (path.length === 1 && strays.length > 0 && !hasIssuer(leaf, path)) {
    throw new ChainError(
      'BrokenChain',
      'None of the certificates that the CA sent has issued the first one.',
    );
  }
  const { notBefore, notAfter, notice } = checkValidity(leaf, now, caNow);
  const sorted = path.map(String).join('');
  const read = readCertificate(Buffer.from(sorted), Buffer.from(keyPem));
  if (read.kind !== 'readable') {
    const why = read.kind === 'unreadable' ? `: ${read.detail}` : '';
    throw new ChainError('Unparsable', `The CA sent a certificate that no server can use${why}.`);
  }
  const { issuerMissing = false, refused } = read;
  const notices = [
    surplus,
    describeStrays(strays),
    issuerMissing ? noIssuer : undefined,
    refused && `The CA sent a certificate that is not usable everywhere: ${refused}.`,
    notice,
  ];
  return {
    chainPem: sorted,
    id: read.id,
    fingerprint: read.fingerprint,
    notBefore,
    notAfter,
    flawed: issuerMissing || refused !== undefined,
    notices: notices.filter((words) => words !== undefined),
  };
}

const noIssuer =
  'The CA sent the certificate without that of its issuer: only clients that know the issuer will trust it.';

function describeStrays(strays: readonly X509Certificate[]): string | undefined {
  if (strays.length === 0) return undefined;
  const subjects = strays
    .map((stray) => oneLine(subjectOf(stray), longestSubject) || 'one without a name')
    .join('; ');
  return `The CA sent certificates that do not belong to the chain, and they are left out: ${subjects}.`;
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

/** @returns a notice about names that were not ordered: some CAs add one with `www.` */
function checkHosts(dnsNames: readonly string[], hosts: readonly string[]): string | undefined {
  const missing = hosts.filter((host) => !covers(dnsNames, host));
  const surplus = dnsNames
    .filter((name) => !hosts.includes(name))
    .slice(0, mostNames)
    .map((name) => oneLine(name, longestSubject));
  if (missing.length > 0) {
    const differences = [
      ...missing.map((host) => `${host} is missing`),
      ...surplus.map((name) => `${name} was not ordered`),
    ];
    const message = `The CA sent a certificate for other hosts than ordered: ${differences.join(', ')}.`;
    throw new ChainError('HostsDiffer', message);
  }
  return surplus.length === 0
    ? undefined
    : `The CA added names to the certificate that were not ordered: ${surplus.join(', ')}.`;
}

function checkValidity(
  leaf: X509Certificate,
  now: number,
  caNow: number,
): Validity & { readonly notice: string | undefined } {
  const validity = validityOf(leaf);
  if (validity === undefined) {
    throw new ChainError('Unparsable', 'The CA sent a certificate whose dates cannot be read.');
  }
  const { notBefore, notAfter } = validity;
  if (!(notAfter > Math.min(now, caNow) && notAfter > notBefore)) {
    const message = `The CA sent a certificate that expired at ${leaf.validTo}; is the local clock right?`;
    throw new ChainError('Expired', message);
  }
  if (!(notBefore <= Math.max(now, caNow) + toleratedClockError)) {
    const message = `The CA sent a certificate that is not valid before ${leaf.validFrom}; is the local clock right?`;
    throw new ChainError('NotYetValid', message);
  }
  const minutes = Math.ceil((notBefore - Math.max(now, caNow)) / minute);
  const notice =
    minutes > 0
      ? `The certificate is valid only in ${minutes} min by the local clock: this clock or the CA's is wrong.`
      : undefined;
  return { ...validity, notice };
}
