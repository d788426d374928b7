import { covers } from '../hosts/host-names.ts';
import type { DesiredCertificate } from '../ownership/desired-certificate.ts';
import type { HostProof } from '../ownership/holders/holders.ts';
import type { SecretFacts } from './secret-facts.ts';

/**
 * The holder that a certificate from before the record of holders stands for: one that is valid, and marked as ours, of a namespace
 * that has the host anyway, by its claim or a reservation. A tenant can forge all of it, and gains nothing that the claim has not
 * given him.
 *
 * @returns undefined if there is none
 */
export function foundProof(
  { namespace, hosts }: DesiredCertificate,
  secret: SecretFacts,
  now: number,
): HostProof | undefined {
  if (secret.kind !== 'present' || !secret.ours || secret.certificate.kind !== 'readable') return undefined;
  const { notBefore, notAfter, dnsNames, keyMatches, fingerprint } = secret.certificate;
  if (!keyMatches || now < notBefore || now >= notAfter) return undefined;
  const found = hosts.filter(({ host, standing }) => standing === 'ours' && covers(dnsNames, host));
  if (found.length === 0) return undefined;
  return { hosts: found.map(({ host }) => host), namespace, notBefore, notAfter, certificate: fingerprint };
}
