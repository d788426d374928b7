// The verdict on one Secret: good, due or refused; renewal times, rescue of certificates with failing hosts, renewal forecast. Pure;
// called by src/steps with what it read from the Secret, and by the actor of an Ingress.

import { covers } from '../hosts/host-names.ts';
import type { OrderRequest } from '../ledger/order-limits.ts';
import { adoptCommand } from '../ownership/adoption.ts';
import type { DesiredCertificate, HostRoute } from '../ownership/desired-certificate.ts';
import type { Failure } from '../reasons/reasons.ts';
import { sentences } from '../reasons/sentences.ts';
import { day } from '../time/durations.ts';
import {
  type AssessmentPolicy,
  type Defect,
  type DueReason,
  defectOf,
  flawOf,
  hostLeftOut,
  noticesOf,
  preferenceNotMet,
  revocationOf,
  toleratedClockError,
} from './defects.ts';
import { hostsToCover } from './hosts-to-cover.ts';
import { earlierOf, type JudgingClocks, judgingClocks, laterOf, localRenewalTime } from './judging-time.ts';
import { type HolderOf, isIssued, purposeOf } from './proof.ts';
import { isWithin, type RenewalWindow } from './renewal.ts';
import type { Omission, Serving } from './rescue.ts';
import {
  holdsPlaceholder,
  isForeign,
  type PresentSecret,
  type ReadableCertificate,
  type SecretFacts,
  type SecretVersion,
} from './secret-facts.ts';

/** The certificate that an order replaces (`replaces`, RFC 9773 section 5). */
export interface Predecessor {
  /** ARI certificate identifier (RFC 9773 section 4.1). */
  readonly id: string;
  readonly window: RenewalWindow | undefined;
  /** The exemption from rate limits if the CA does not accept the order as a replacement. */
  readonly otherwise: 'same-set' | 'none';
}

export type Assessment =
  | {
      readonly kind: 'good';
      readonly notAfter: number;
      /** Milliseconds since the epoch; for a foreign certificate, when it is no longer good. */
      readonly renewAt: number;
      readonly notices: readonly Failure[];
    }
  | {
      readonly kind: 'due';
      readonly reason: DueReason;
      readonly message: string;
      /** The hosts of the new certificate. */
      readonly hosts: readonly HostRoute[];
      readonly found: SecretVersion | undefined;
      /** When visitors begin to be affected, in milliseconds since the epoch. */
      readonly harmAt: number;
      /** For rate limits with a reserve. */
      readonly purpose: OrderRequest['purpose'];
      /** From rate limits. */
      readonly exemption: OrderRequest['exemption'];
      /** Undefined if the current CA did not issue the current certificate, or it covers none of the hosts. */
      readonly predecessor?: Predecessor | undefined;
      /** The recorded omission, restricted to hosts that are still desired. */
      readonly omission?: Omission | undefined;
      /** The certificate in use until then. */
      readonly serving?: Serving | undefined;
      /** Those of the certificate that is replaced, as far as they are known. */
      readonly lastSettings?: Pick<DesiredCertificate, 'keyType' | 'profile'>;
      /** End of the certificate in use, see `servesUntil`. */
      readonly servesUntil?: number | undefined;
      readonly notices: readonly Failure[];
    }
  | {
      readonly kind: 'refused';
      readonly failure: Failure;
      readonly servesUntil?: number | undefined;
      /** What is wrong with a foreign Secret: only for those who may read it. */
      readonly detail?: string | undefined;
      readonly notices: readonly Failure[];
    };

type Due = Extract<Assessment, { kind: 'due' }>;

/** Let's Encrypt recognizes a renewal of the same set for so long; milliseconds. */
const sameSetMemory = 120 * day;

/**
 * Judges a Secret: first whether it may be changed, then the three checks of the old kube-lego (a valid key pair, not expired, all
 * hosts covered).
 *
 * @param holderOf the record of holders: without it, an order has no exemption and no reserve
 * @param now milliseconds since the epoch
 * @param caNow likewise by the CA's clock: it decides whether the ARI window is open, and judges where the two differ by more than a day
 */
export function assess(
  desired: DesiredCertificate,
  secret: SecretFacts,
  policy: AssessmentPolicy,
  holderOf: HolderOf,
  now: number,
  caNow: number = now,
): Assessment {
  const clocks = judgingClocks(now, caNow);
  const { hosts, notices, omission } = hostsToCover(desired, secret);
  const [notice = desired.refusedSetting, ...others] = notices;
  if (hosts.length === 0 && notice !== undefined)
    return { kind: 'refused', failure: notice, notices: others };

  if (secret.kind === 'absent') {
    const message = `Secret ${desired.secretName} does not exist.`;
    const purpose = purposeOf('missing', desired, hosts, false, holderOf, now);
    const missing = { reason: 'missing', harmAt: now, found: undefined, exemption: 'none' } as const;
    return { kind: 'due', ...missing, message, hosts, purpose, notices };
  }

  const foreign = isForeign(secret);
  const window = foreign || secret.directory !== policy.directory ? undefined : secret.window;
  if (window?.url !== undefined) notices.push(suggestion(desired.secretName, window, window.url));
  if (!foreign) notices.push(...noticesOf(desired.secretName, secret, clocks));
  const defect =
    revocationOf(desired.secretName, secret, now) ??
    defectOf(desired.secretName, hosts, secret.certificate, window, policy, clocks) ??
    flawOf(desired.secretName, secret, policy, now) ??
    (foreign || desired.refusedSetting !== undefined
      ? undefined
      : (preferenceNotMet(desired, secret, policy) ?? hostLeftOut(omission, secret)));
  if (defect === undefined) {
    if (secret.certificate.kind !== 'readable') throw new Error('a certificate without a defect is readable');
    const { notAfter } = secret.certificate;
    return {
      kind: 'good',
      notAfter,
      renewAt: localRenewalTime(secret.certificate, policy.minimumValidity, window, clocks),
      notices,
    };
  }

  const end = servesUntil(hosts, secret, clocks);
  if (foreign) {
    return { kind: 'refused', ...foreignRefusal(desired, secret, defect), servesUntil: end, notices };
  }
  const failure = refusalOf(desired, secret, defect, policy);
  if (failure !== undefined) return { kind: 'refused', failure, servesUntil: end, notices };
  const { uid, resourceVersion, adopt, managedByOther = false, repeat } = secret;
  const found = {
    uid,
    resourceVersion,
    managedByOther,
    ...(adopt ? { adopt } : {}),
    ...(holdsPlaceholder(secret) ? { placeholder: true as const } : {}),
    ...(repeat === undefined ? {} : { repeat }),
  };
  const issued = isIssued(desired, secret, holderOf);
  const purpose = purposeOf(defect.reason, desired, hosts, issued, holderOf, now);
  const otherwise = issued && renewsSameSet(hosts, secret, policy, now) ? 'same-set' : 'none';
  const predecessor = issued ? predecessorOf(hosts, secret, window, otherwise, policy) : undefined;
  const within = predecessor?.window !== undefined && isWithin(predecessor.window, caNow);
  const exemption = within ? 'ari' : otherwise;
  const serving = servingOf(secret, window, issued, policy, clocks);
  const due = {
    kind: 'due',
    ...defect,
    found,
    purpose,
    omission,
    serving,
    servesUntil: end,
    ...lastSettingsOf(secret),
    notices,
  } as const;
  if (defect.reason !== 'host-left-out') return { ...due, hosts, exemption, predecessor };
  const all = desired.hosts.filter((route) => hosts.includes(route) || omission?.hosts.includes(route.host));
  return { ...due, hosts: all, exemption: 'none' };
}

function lastSettingsOf({ certificate, profile }: PresentSecret): Pick<Due, 'lastSettings'> {
  if (certificate.kind !== 'readable') return {};
  return { lastSettings: { keyType: certificate.keyType, profile: profile === '' ? undefined : profile } };
}

/**
 * End of the certificate that serves at least one of the hosts, whatever else is wrong with it; milliseconds since the epoch. Of a
 * foreign one only if it serves all: otherwise its names could be found out.
 */
function servesUntil(
  hosts: readonly HostRoute[],
  secret: PresentSecret,
  clocks: JudgingClocks,
): number | undefined {
  const certificate = servedCertificate(secret, clocks);
  if (certificate === undefined || certificate.notAfter <= earlierOf(clocks)) return undefined;
  const served = hosts.filter(({ host }) => covers(certificate.dnsNames, host));
  const enough = isForeign(secret) ? served.length === hosts.length : served.length > 0;
  return enough ? certificate.notAfter : undefined;
}

/** The certificate that some servers present, also when it has expired. */
function servedCertificate(
  { certificate }: PresentSecret,
  clocks: JudgingClocks,
): ReadableCertificate | undefined {
  if (certificate.kind !== 'readable' || !certificate.keyMatches) return undefined;
  return certificate.notBefore > laterOf(clocks) + toleratedClockError ? undefined : certificate;
}

/** Whether the CA has recently issued a certificate for exactly these names (Let's Encrypt, docs/rate-limits.md). */
function renewsSameSet(
  hosts: readonly HostRoute[],
  { certificate, directory }: PresentSecret,
  policy: AssessmentPolicy,
  now: number,
): boolean {
  if (certificate.kind !== 'readable' || directory !== policy.directory) return false;
  const names = new Set(certificate.dnsNames);
  const same = names.size === hosts.length && hosts.every(({ host }) => names.has(host));
  return same && certificate.notBefore > now - sameSetMemory;
}

/** The certificate that the order replaces: from the same CA, with at least one of the names, and a window that the CA has confirmed. */
function predecessorOf(
  hosts: readonly HostRoute[],
  { certificate, directory, windowConfirmed }: PresentSecret,
  window: RenewalWindow | undefined,
  otherwise: Predecessor['otherwise'],
  policy: AssessmentPolicy,
): Predecessor | undefined {
  if (certificate.kind !== 'readable' || directory !== policy.directory) return undefined;
  const { id, dnsNames } = certificate;
  const confirmed = windowConfirmed === true ? window : undefined;
  const shares = hosts.some(({ host }) => dnsNames.includes(host));
  return id === undefined || !shares ? undefined : { id, window: confirmed, otherwise };
}

function servingOf(
  secret: PresentSecret,
  window: RenewalWindow | undefined,
  issued: boolean,
  policy: AssessmentPolicy,
  clocks: JudgingClocks,
): Serving | undefined {
  const certificate = servedCertificate(secret, clocks);
  if (certificate === undefined) return undefined;
  const { directory, selfChecked } = secret;
  const { notBefore, notAfter, dnsNames } = certificate;
  const renewAt = localRenewalTime(certificate, policy.minimumValidity, window, clocks);
  const sameSetUntil = issued && directory === policy.directory ? notBefore + sameSetMemory : undefined;
  return { notBefore, notAfter, dnsNames, renewAt, issued, sameSetUntil, selfChecked };
}

function suggestion(secretName: string, { start, end }: RenewalWindow, url: string): Failure {
  const from = new Date(start).toISOString();
  const message = `The CA suggests to renew the certificate in Secret ${secretName} between ${from} and ${new Date(end).toISOString()}. Its explanation: ${url}`;
  return { code: 'RenewalSuggested', message };
}

/** Says to the author of an Ingress that the Secret cannot be used, and nothing of its type or contents. */
function foreignRefusal(
  { namespace, secretName }: DesiredCertificate,
  { certManager, ours, adopt, type, immutable }: PresentSecret,
  defect: Defect,
): { readonly failure: Failure; readonly detail?: string } {
  if (certManager && (ours || adopt)) {
    const message = `Secret ${secretName} is managed by cert-manager, so it is left alone.`;
    return { failure: { code: 'ManagedByCertManager', message }, detail: defect.message };
  }
  const message = `Secret ${secretName} cannot be used for this certificate. kube-lego did not create it, so it is left alone. ${adoptCommand(namespace, secretName)} lets kube-lego replace the certificate there.`;
  const detail = [
    defect.message,
    ...(type === 'kubernetes.io/tls' ? [] : [`The Secret is of type ${type}.`]),
    ...(immutable ? ['The Secret is immutable.'] : []),
    ...(certManager ? ['The Secret is managed by cert-manager.'] : []),
  ];
  return { failure: { code: 'ForeignSecret', message }, detail: sentences(...detail) };
}

function refusalOf(
  { namespace, secretName }: DesiredCertificate,
  secret: PresentSecret,
  defect: Defect,
  policy: AssessmentPolicy,
): Failure | undefined {
  if (secret.type !== 'kubernetes.io/tls') {
    return {
      code: 'WrongSecretType',
      message: sentences(defect.message, `The Secret is of type ${secret.type}.`),
    };
  }
  if (secret.immutable) {
    return { code: 'ImmutableSecret', message: sentences(defect.message, 'The Secret is immutable.') };
  }
  if (secret.deleting) {
    const message = `Secret ${secretName} has been deleted, and waits for a finalizer: what is stored in it would be lost.`;
    return { code: 'SecretChanged', message };
  }
  const trusted =
    secret.certificate.kind === 'readable' &&
    secret.certificate.keyMatches &&
    secret.directory !== policy.directory;
  const ending = ['near-expiry', 'expired'].includes(defect.reason);
  if (policy.staging && trusted && !(ending && secret.adopt)) {
    const way = ending
      ? `${adoptCommand(namespace, secretName)} lets kube-lego replace the certificate all the same.`
      : '';
    const staging = `${policy.directory} is a staging CA, which browsers do not trust.`;
    const message = sentences(defect.message, staging, way);
    return { code: 'StagingDirectory', message };
  }
  return undefined;
}
