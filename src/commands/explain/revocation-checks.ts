import type { DesiredCertificate } from '../../../machines/ownership/desired-certificate.ts';
import type { RevocationEntry } from '../../revocation/revocation-entry.ts';
import { revocationLine } from '../revoke/requested-revocations.ts';
import type { Check } from './explanation.ts';

/** The revocations that operators have requested of certificates of this Secret. */
export function checkRevocations(
  { namespace, secretName }: DesiredCertificate,
  requested: readonly RevocationEntry[],
): Check[] {
  return requested
    .filter((entry) => entry.namespace === namespace && entry.secretName === secretName)
    .map((entry) => ({
      about: `revocation ${secretName}`,
      // A refused one is no obstacle on the way to a certificate.
      result: entry.state.phase === 'revoked' ? 'ok' : 'note',
      text: revocationLine(entry),
    }));
}
