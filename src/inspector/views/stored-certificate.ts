import type { SecretFacts } from '../../../machines/assessment/secret-facts.ts';
import type { CertificateDetail } from '../protocol.ts';

/** The shown properties of the certificate in a Secret. */
export type StoredCertificate = Pick<
  CertificateDetail,
  'names' | 'issuer' | 'notBefore' | 'notAfter' | 'renewalWindow'
>;

/** More than a CA accepts. */
const mostNames = 200;

/** @returns undefined if there is no readable certificate */
export function storedCertificateOf(facts: SecretFacts): StoredCertificate | undefined {
  if (facts.kind !== 'present' || facts.certificate.kind !== 'readable') return undefined;
  const { dnsNames, issuer, notBefore, notAfter } = facts.certificate;
  const { start, end, url } = facts.window ?? {};
  return {
    names: dnsNames.slice(0, mostNames),
    issuer,
    notBefore,
    notAfter,
    ...(start === undefined || end === undefined
      ? {}
      : { renewalWindow: { start, end, ...(url === undefined ? {} : { url }) } }),
  };
}
