import { covers } from '../hosts/host-names.ts';
import type { OrderRequest } from '../ledger/order-limits.ts';
import type { DesiredCertificate, HostRoute, KeyType } from '../ownership/desired-certificate.ts';
import type { Failure } from '../reasons/reasons.ts';
import { day, minute } from '../time/durations.ts';
import { earlierOf, type JudgingClocks, laterOf, renewalClock } from './judging-time.ts';
import { type RenewalWindow, renewalTime } from './renewal.ts';
import type { Omission } from './rescue.ts';
import type { CertificateFacts, PresentSecret, ReadableCertificate } from './secret-facts.ts';

export type DueReason =
  | 'missing'
  | 'empty'
  | 'unreadable'
  | 'key-mismatch'
  | 'expired'
  | 'not-yet-valid'
  | 'near-expiry'
  /** By ARI, before the regular time (RFC 9773). */
  | 'renewal-suggested'
  | 'hosts-not-covered'
  /** Only hosts that were left out as failing are missing: they are added again when they pass. */
  | 'host-left-out'
  /** Clients that do not know the issuer cannot trust it. */
  | 'issuer-missing'
  | 'issued-elsewhere'
  | 'key-type-changed'
  | 'profile-changed'
  /** An operator has requested its revocation. */
  | 'revoked';

/** The certificate was good until its time came. */
export const renewals: ReadonlySet<DueReason> = new Set(['near-expiry', 'expired', 'renewal-suggested']);

/** The purpose of an order for this reason if it is proved, see `purposeOf`: rate limits reserve capacity for renewals and replacements. */
export const orderPurposes: Readonly<Record<DueReason, OrderRequest['purpose']>> = {
  missing: 'first',
  empty: 'first',
  'hosts-not-covered': 'first',
  'host-left-out': 'first',
  'issuer-missing': 'first',
  'issued-elsewhere': 'first',
  unreadable: 'replacement',
  'key-mismatch': 'replacement',
  expired: 'replacement',
  'not-yet-valid': 'replacement',
  revoked: 'replacement',
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

/**
 * How far in the future a certificate may begin, in milliseconds: it is unknown which clock is wrong, and another order would not
 * help.
 */
export const toleratedClockError = day;

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
  clocks: JudgingClocks,
): Defect | undefined {
  const { now } = clocks;
  const broken = (reason: DueReason, message: string): Defect => ({ reason, message, harmAt: now });
  if (certificate.kind === 'empty') {
    const held = certificate.placeholder === true ? 'only a self-signed placeholder' : 'no key pair';
    return broken('empty', `Secret ${secretName} holds ${held}.`);
  }
  if (certificate.kind === 'unreadable') {
    return broken('unreadable', `Secret ${secretName} holds no readable key pair: ${certificate.detail}.`);
  }
  if (!certificate.keyMatches) {
    const { place } = certificate;
    const where = place === undefined ? '' : `, but to number ${place} in tls.crt: servers want that first`;
    const message = `The tls.key in Secret ${secretName} does not belong to its certificate${where}.`;
    return broken('key-mismatch', message);
  }
  const ends = new Date(certificate.notAfter).toISOString();
  if (earlierOf(clocks) >= certificate.notAfter) {
    return broken('expired', `The certificate in Secret ${secretName} expired at ${ends}.`);
  }
  if (certificate.notBefore > laterOf(clocks) + toleratedClockError) {
    const begins = new Date(certificate.notBefore).toISOString();
    return broken('not-yet-valid', `The certificate in Secret ${secretName} is not valid before ${begins}.`);
  }
  const missing = hosts.filter(({ host }) => !covers(certificate.dnsNames, host)).map(({ host }) => host);
  if (missing.length > 0) {
    const message = `The certificate in Secret ${secretName} does not cover ${missing.join(', ')}.`;
    return broken('hosts-not-covered', message);
  }
  const { minimumValidity } = policy;
  const judged = renewalClock(certificate, minimumValidity, window, clocks);
  if (judged >= renewalTime(certificate, minimumValidity, window)) {
    const near = judged >= renewalTime(certificate, minimumValidity);
    const message = `The certificate in Secret ${secretName} ${near ? `expires at ${ends}` : 'is due for renewal, as the CA suggests'}.`;
    return { reason: near ? 'near-expiry' : 'renewal-suggested', message, harmAt: certificate.notAfter };
  }
  return undefined;
}

/** A certificate that is revoked, or is to be as soon as another one is there. */
export function revocationOf(
  secretName: string,
  { certificate, revocation }: Pick<PresentSecret, 'certificate' | 'revocation'>,
  now: number,
): Defect | undefined {
  if (revocation === undefined || certificate.kind !== 'readable') return undefined;
  const message =
    revocation === 'keyCompromise'
      ? `The key of the certificate in Secret ${secretName} is compromised, as an operator says.`
      : `An operator has requested the revocation (${revocation}) of the certificate in Secret ${secretName}.`;
  return { reason: 'revoked', message, harmAt: now };
}

/**
 * What is wrong with a certificate that is valid, but that some servers or clients cannot use. One of the CA is ordered once more; if it
 * sends the same again, that is recorded, and no defect: another order would not help.
 */
export function flawOf(
  secretName: string,
  { asSent, certificate, directory }: Pick<PresentSecret, 'asSent' | 'certificate' | 'directory'>,
  policy: AssessmentPolicy,
  now: number,
): Defect | undefined {
  if (certificate.kind !== 'readable' || asSent === true) return undefined;
  const flaw = flawWords(certificate);
  if (flaw === undefined) return undefined;
  const message = `The certificate in Secret ${secretName} is not usable everywhere: ${flaw}.`;
  if (certificate.refused !== undefined) return { reason: 'unreadable', message, harmAt: now };
  return directory === policy.directory ? { reason: 'issuer-missing', message, harmAt: now } : undefined;
}

/** What people should know of a certificate that has no defect. */
export function noticesOf(
  secretName: string,
  { asSent, certificate }: PresentSecret,
  { now, caNow }: JudgingClocks,
): Failure[] {
  if (certificate.kind !== 'readable') return [];
  const notices: Failure[] = [];
  const wait = certificate.notBefore - now;
  if (wait > 0 && wait <= toleratedClockError) {
    const message = `The certificate in Secret ${secretName} is valid only in ${Math.ceil(wait / minute)} min by the local clock.`;
    notices.push({ code: 'NotYetValid', message });
  }
  if (caNow !== now) {
    const days = Math.round(Math.abs(caNow - now) / day);
    const direction = now > caNow ? 'ahead of' : 'behind';
    const message = `The clock of kube-lego's machine is about ${days} day${days === 1 ? '' : 's'} ${direction} the CA's. The certificate in Secret ${secretName} is judged by the CA's, within limits.`;
    notices.push({ code: 'ClockSkewed', message });
  }
  const flaw = asSent === true ? flawWords(certificate) : undefined;
  if (flaw !== undefined) {
    const message = `The certificate in Secret ${secretName}, as the CA sent it, is not usable everywhere: ${flaw}.`;
    notices.push({ code: 'CertificateFlawed', message });
  }
  return notices;
}

/** @returns undefined if there is no flaw */
function flawWords({ issuerMissing, refused }: ReadableCertificate): string | undefined {
  if (refused !== undefined) return refused;
  if (issuerMissing !== true) return undefined;
  return 'it comes without the certificate of its issuer, and clients that do not know that cannot trust it';
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
