import type { SecretFacts } from '../../machines/assessment/secret-facts.ts';
import type { CertificateDetail } from './protocol.ts';

/** What can be said of the certificate that is in a Secret. */
export type StoredCertificate = Pick<
  CertificateDetail,
  'names' | 'issuer' | 'notBefore' | 'notAfter' | 'renewalWindow'
>;

/** @returns undefined where there is no certificate that can be read */
export function storedCertificateOf(facts: SecretFacts): StoredCertificate | undefined {
  if (facts.kind !== 'present' || facts.certificate.kind !== 'readable') return undefined;
  const { dnsNames, issuer, notBefore, notAfter } = facts.certificate;
  const { start, end, url } = facts.window ?? {};
  return {
    names: dnsNames,
    issuer,
    notBefore,
    notAfter,
    ...(start === undefined || end === undefined
      ? {}
      : { renewalWindow: { start, end, ...(url === undefined ? {} : { url }) } }),
  };
}
