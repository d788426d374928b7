import type { AssessmentPolicy } from '../../machines/assessment/defects.ts';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import type { KeyType } from '../../machines/ownership/desired-certificate.ts';
import type { TrialPairs } from '../certificate/making/trial-pair.ts';
import type { CertificateToStore } from '../kubernetes/records/secret-store.ts';
import { issuanceRecord } from '../secret/issuance-record.ts';
import type { Clock } from '../time/clock.ts';

export interface TrialCertificateOptions {
  readonly pairs: TrialPairs;
  readonly policy: Pick<AssessmentPolicy, 'directory' | 'profile'>;
  /** Default for Ingresses without one. */
  readonly keyType: KeyType;
  readonly clock: Pick<Clock, 'now'>;
}

/** What a round will write to its Secret, but self-signed, to try the write before the order. */
export function trialCertificate({
  pairs,
  policy,
  keyType: usual,
  clock,
}: TrialCertificateOptions): (input: CertificateInput) => Promise<CertificateToStore> {
  return async ({ desired, hosts, omission }) => {
    const { keyType = usual, profile = policy.profile, selfCheck } = desired;
    const names = hosts.map(({ host }) => host);
    const annotations = issuanceRecord({
      directory: policy.directory,
      profile,
      keyType,
      selfChecked: selfCheck,
      omission,
    });
    return { ...(await pairs.make(names, keyType, clock.now())), annotations };
  };
}
