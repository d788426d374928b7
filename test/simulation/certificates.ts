import type { CertificateFacts } from '../../machines/assessment/secret-facts.ts';
import { isKeyType } from '../../machines/ownership/desired-certificate.ts';
import { ChainError, type VerifiedChain } from '../../src/certificate/chain.ts';
import { isRecord } from '../../src/process/json.ts';
import { readOnce } from './read-once.ts';

export { ChainError };

/** A certificate of the simulation: what a real one would say, as JSON in PEM's clothes. */
export interface PlainCertificate {
  readonly serial: number;
  readonly hosts: readonly string[];
  readonly profile: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly key: string;
}

const begin = '-----BEGIN CERTIFICATE-----\n';
const end = '\n-----END CERTIFICATE-----\n';
/** What a chain holds besides; a leaf alone may be what is left of one. */
const issuer = `${begin}MA==${end}`;

export function writePlainCertificate(certificate: PlainCertificate): string {
  // What lies between the two lines of a PEM block has no hyphen.
  return `${begin}${JSON.stringify(certificate).replaceAll('-', String.raw`\u002d`)}${end}${issuer}`;
}

export function readPlainCertificate(pem: string): PlainCertificate | undefined {
  if (!pem.startsWith(begin)) return undefined;
  const value: unknown = JSON.parse(pem.slice(begin.length, pem.indexOf(end)));
  return isPlain(value) ? value : undefined;
}

/** RFC 9773 section 4.1, with one authority. */
export function certificateIdOf({ serial }: PlainCertificate): string {
  return `authority.${serial}`;
}

/** In place of src/certificate/fingerprint.ts. */
function fingerprintOf({ serial }: PlainCertificate): string {
  return String(serial).padStart(16, '0');
}

function isPlain(value: unknown): value is PlainCertificate {
  return isRecord(value) && typeof value['serial'] === 'number' && Array.isArray(value['hosts']);
}

/** In place of src/certificate/key.ts: a name for a key. */
export function plainKey(type: string, serial: number): Promise<string> {
  return Promise.resolve(`${type} ${serial}`);
}

/** In place of src/certificate/making/csr.ts. */
export function createCsr(hosts: readonly string[], keyPem: string): Buffer {
  return Buffer.from(JSON.stringify({ hosts, key: keyPem }));
}

export function readPlainCsr(csr: Buffer | string): {
  readonly hosts: readonly string[];
  readonly key: string;
} {
  const value: unknown = JSON.parse(csr.toString());
  if (!isRecord(value) || typeof value['key'] !== 'string' || !Array.isArray(value['hosts'])) {
    throw new Error('this is no signing request of the simulation');
  }
  return { hosts: value['hosts'].map(String), key: value['key'] };
}

/** In place of src/certificate/reading.ts. */
export const readCertificate = readOnce(readPlainFacts);

function readPlainFacts(chainPem: Buffer | undefined, keyPem: Buffer | undefined): CertificateFacts {
  const plain = readPlainCertificate(chainPem?.toString() ?? '');
  const key = keyPem?.toString() ?? '';
  if (plain === undefined) return { kind: 'empty' };
  const [type = ''] = key.split(' ');
  return {
    kind: 'readable',
    notBefore: plain.notBefore,
    notAfter: plain.notAfter,
    dnsNames: plain.hosts,
    keyMatches: plain.key === key,
    keyType: isKeyType(type) ? type : undefined,
    issuer: 'CN=simulated',
    id: certificateIdOf(plain),
    fingerprint: fingerprintOf(plain),
  };
}

/** In place of src/certificate/chain.ts. */
export function verifyChain(
  chainPem: string,
  keyPem: string,
  hosts: readonly string[],
  now: number,
): VerifiedChain {
  const plain = readPlainCertificate(chainPem);
  if (plain === undefined) throw new ChainError('NoCertificate', 'The CA sent no certificate.');
  if (plain.key !== keyPem) throw new ChainError('KeyMismatch', 'The CA sent a certificate for another key.');
  if (plain.hosts.toSorted().join() !== hosts.toSorted().join()) {
    throw new ChainError('HostsDiffer', 'The CA sent a certificate for other hosts than ordered.');
  }
  if (plain.notAfter <= now) throw new ChainError('Expired', 'The CA sent a certificate that has ended.');
  const { notBefore, notAfter } = plain;
  const [id, fingerprint] = [certificateIdOf(plain), fingerprintOf(plain)];
  return { chainPem, notBefore, notAfter, flawed: false, notices: [], id, fingerprint };
}
