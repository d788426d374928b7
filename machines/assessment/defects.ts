import { covers } from '../hosts/host-names.ts';
import type { OrderRequest } from '../ledger/order-limits.ts';
import type { DesiredCertificate, HostRoute, KeyType } from '../ownership/desired-certificate.ts';
import { type RenewalWindow, renewalTime } from './renewal.ts';
import type { Omission } from './rescue.ts';
import type { CertificateFacts, PresentSecret } from './secret-facts.ts';

export type DueReason =
  | 'missing'
  | 'empty'
  | 'unreadable'
  | 'key-mismatch'
  | 'expired'
  | 'near-expiry'
  /** By ARI, before the regular time (RFC 9773). */
  | 'renewal-suggested'
  | 'hosts-not-covered'
  /** Only hosts that were left out as failing are missing: they are added again when they pass. */
  | 'host-left-out'
  | 'issued-elsewhere'
  | 'key-type-changed'
  | 'profile-changed';

/** The purpose of an order for this reason if it is proved, see `purposeOf`: rate limits reserve capacity for renewals and replacements. */
export const orderPurposes: Readonly<Record<DueReason, OrderRequest['purpose']>> = {
  missing: 'first',
  empty: 'first',
  'hosts-not-covered': 'first',
  'host-left-out': 'first',
  'issued-elsewhere': 'first',
  unreadable: 'replacement',
  'key-mismatch': 'replacement',
  expired: 'replacement',
  'near-expiry': 'renewal',
  'renewal-suggested': 'renewal',
  'key-type-changed': 'renewal',
  'profile-changed': 'renewal',
};

export interface AssessmentPolicy {
  /** Milliseconds, `LEGO_MINIMUM_VALIDITY`. */
  readonly minimumValidity: number;
  /** URL of the ACME directory. */
  readonly directory: string;
  /** `LEGO_PROFILE`, the default of Ingresses. */
  readonly profile?: string | undefined;
  /** `LEGO_RSA_KEYSIZE` or `LEGO_KEY_TYPE`, likewise; undefined if not known. */
  readonly keyType?: KeyType | undefined;
  /** The directory is that of a staging CA, which browsers do not trust. */
  readonly staging: boolean;
}

export interface Defect {
  readonly reason: DueReason;
  readonly message: string;
  readonly harmAt: number;
}

export function defectOf(
  secretName: string,
  hosts: readonly HostRoute[],
  certificate: CertificateFacts,
  window: RenewalWindow | undefined,
  policy: AssessmentPolicy,
  now: number,
): Defect | undefined {
  const broken = (reason: DueReason, message: string): Defect => ({ reason, message, harmAt: now });
  if (certificate.kind === 'empty') return broken('empty', `Secret ${secretName} holds no key pair.`);
  if (certificate.kind === 'unreadable') {
    return broken('unreadable', `Secret ${secretName} holds no readable key pair: ${certificate.detail}.`);
  }
  if (!certificate.keyMatches) {
    return broken('key-mismatch', `The tls.key in Secret ${secretName} does not belong to its certificate.`);
  }
  const ends = new Date(certificate.notAfter).toISOString();
  if (now >= certificate.notAfter) {
    return broken('expired', `The certificate in Secret ${secretName} expired at ${ends}.`);
  }
  const missing = hosts.filter(({ host }) => !covers(certificate.dnsNames, host)).map(({ host }) => host);
  if (missing.length > 0) {
    const message = `The certificate in Secret ${secretName} does not cover ${missing.join(', ')}.`;
    return broken('hosts-not-covered', message);
  }
  if (now >= renewalTime(certificate, policy.minimumValidity, window)) {
    const near = now >= renewalTime(certificate, policy.minimumValidity);
    const message = `The certificate in Secret ${secretName} ${near ? `expires at ${ends}` : 'is due for renewal, as the CA suggests'}.`;
    return { reason: near ? 'near-expiry' : 'renewal-suggested', message, harmAt: certificate.notAfter };
  }
  return undefined;
}

/** A certificate of ours that is valid, but does not match the current settings. */
export function preferenceNotMet(
  desired: DesiredCertificate,
  { certificate, directory, profile, orderedKeyType }: PresentSecret,
  policy: AssessmentPolicy,
): Defect | undefined {
  if (certificate.kind !== 'readable') return undefined;
  const harmAt = certificate.notAfter;
  // An absent record is no difference: Secrets of the old kube-lego have none, and an upgrade must not cause orders.
  if (directory !== undefined && directory !== policy.directory && !policy.staging) {
    const message = `The certificate in Secret ${desired.secretName} was ordered from ${directory}.`;
    return { reason: 'issued-elsewhere', message, harmAt };
  }
  // Likewise for the default key type, which may differ from that of Secrets of the old kube-lego.
  const recorded = orderedKeyType === undefined ? undefined : policy.keyType;
  const keyType = desired.keyType ?? recorded;
  if (keyType !== undefined && keyType !== certificate.keyType) {
    const message = `The key in Secret ${desired.secretName} is not of type ${keyType}.`;
    return { reason: 'key-type-changed', message, harmAt };
  }
  const wanted = desired.profile ?? policy.profile ?? '';
  if (profile !== undefined && profile !== wanted) {
    const message = `The certificate in Secret ${desired.secretName} was ordered with ${profileWords(profile)}, but the settings say ${profileWords(wanted)}.`;
    return { reason: 'profile-changed', message, harmAt };
  }
  return undefined;
}

export function hostLeftOut(
  omission: Omission | undefined,
  { certificate }: PresentSecret,
): Defect | undefined {
  if (certificate.kind !== 'readable' || omission === undefined || omission.hosts.length === 0)
    return undefined;
  const message = `The certificate was ordered without ${omission.hosts.join(', ')}.`;
  return { reason: 'host-left-out', message, harmAt: certificate.notAfter };
}

function profileWords(name: string): string {
  return name === '' ? 'no profile' : `profile ${name}`;
}
