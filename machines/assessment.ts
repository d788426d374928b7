import type { DesiredCertificate, HostRoute, KeyType } from './desired-certificate.ts';
import { covers } from './host-names.ts';
import type { OrderRequest } from './order-limits.ts';
import type { Failure } from './reasons.ts';
import { renewalTime, type Validity } from './renewal.ts';
import { leftOut, type Omission, type Serving } from './rescue.ts';

/** What can be read of the key pair in a Secret. */
export type CertificateFacts =
  | { readonly kind: 'empty' }
  /** `detail`: which part, in words, without its contents. */
  | { readonly kind: 'unreadable'; readonly detail: string }
  | (Validity & {
      readonly kind: 'readable';
      readonly dnsNames: readonly string[];
      /** The private key belongs to the certificate. */
      readonly keyMatches: boolean;
      /** Undefined for a key that kube-lego would not make. */
      readonly keyType: KeyType | undefined;
      /** The issuer's distinguished name on one line. */
      readonly issuer: string;
    });

/** What there is where the certificate should be. */
export type SecretFacts =
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'present';
      readonly uid: string;
      readonly resourceVersion: string;
      readonly type: string;
      readonly immutable: boolean;
      /** Our label, or the annotation of the old kube-lego. */
      readonly ours: boolean;
      readonly certManager: boolean;
      /** Recorded by us at issuance; absent on Secrets of the old kube-lego. */
      readonly directory: string | undefined;
      /** Hosts that the certificate was ordered without. */
      readonly omission?: Omission | undefined;
      readonly certificate: CertificateFacts;
    };

/** The identity of the Secret that was judged: a write that finds another one is refused. */
export interface SecretVersion {
  readonly uid: string;
  readonly resourceVersion: string;
}

export type DueReason =
  | 'missing'
  | 'empty'
  | 'unreadable'
  | 'key-mismatch'
  | 'expired'
  | 'near-expiry'
  | 'hosts-not-covered'
  /** Only hosts are missing that were left out because they failed: they come back when they have passed. */
  | 'host-left-out'
  | 'issued-elsewhere'
  | 'key-type-changed';

export type Assessment =
  | {
      readonly kind: 'good';
      readonly notAfter: number;
      /** Milliseconds since the epoch; for a foreign certificate, when it stops being good. */
      readonly renewAt: number;
      readonly notices: readonly Failure[];
    }
  | {
      readonly kind: 'due';
      readonly reason: DueReason;
      /** In words, for a person. */
      readonly message: string;
      /** What the new certificate is to cover. */
      readonly hosts: readonly HostRoute[];
      readonly found: SecretVersion | undefined;
      /** When visitors begin to see the harm, in milliseconds since the epoch. */
      readonly harmAt: number;
      /** What the CA does not count the order for. */
      readonly exemption: OrderRequest['exemption'];
      /** What is recorded of hosts left out, as far as they are still wanted. */
      readonly omission?: Omission | undefined;
      /** The certificate that serves meanwhile. */
      readonly serving?: Serving | undefined;
      readonly notices: readonly Failure[];
    }
  /** `notices`: what is to be said besides. */
  | { readonly kind: 'refused'; readonly failure: Failure; readonly notices: readonly Failure[] };

export interface AssessmentPolicy {
  /** Milliseconds, `LEGO_MINIMUM_VALIDITY`. */
  readonly minimumValidity: number;
  /** The directory that certificates are ordered from. */
  readonly directory: string;
  /** That directory issues certificates which browsers do not trust. */
  readonly staging: boolean;
}

/** Milliseconds: 120 days. */
const sameSetMemory = 120 * 24 * 60 * 60_000;

interface Defect {
  readonly reason: DueReason;
  readonly message: string;
  readonly harmAt: number;
}

type PresentSecret = Extract<SecretFacts, { kind: 'present' }>;

/**
 * What is wrong with a Secret now: the three checks of the first kube-lego (a valid key pair, not expired, all hosts
 * covered), after the question whose it is.
 */
export function assess(
  desired: DesiredCertificate,
  secret: SecretFacts,
  policy: AssessmentPolicy,
  now: number,
): Assessment {
  const { hosts, notices, omission } = hostsToCover(desired, secret);
  const [notice, ...others] = notices;
  if (hosts.length === 0 && notice !== undefined)
    return { kind: 'refused', failure: notice, notices: others };

  if (secret.kind === 'absent') {
    const message = `Secret ${desired.secretName} does not exist.`;
    const missing = { reason: 'missing', harmAt: now, found: undefined, exemption: 'none' } as const;
    return { kind: 'due', ...missing, message, hosts, notices };
  }

  const foreign = isForeign(secret) && !desired.adopt;
  const defect =
    defectOf(desired.secretName, hosts, secret.certificate, policy, now) ??
    (foreign ? undefined : (preferenceNotMet(desired, secret, policy) ?? hostLeftOut(omission, secret)));
  if (defect === undefined) {
    if (secret.certificate.kind !== 'readable') throw new Error('a certificate without a defect is readable');
    const { notAfter } = secret.certificate;
    return {
      kind: 'good',
      notAfter,
      renewAt: renewalTime(secret.certificate, policy.minimumValidity),
      notices,
    };
  }

  const failure = refusalOf(desired, secret, foreign, defect, policy);
  if (failure !== undefined) return { kind: 'refused', failure, notices };
  const found = { uid: secret.uid, resourceVersion: secret.resourceVersion };
  const exemption = renewsSameSet(hosts, secret, policy, now) ? 'same-set' : 'none';
  const serving = servingOf(secret.certificate, policy);
  if (defect.reason !== 'host-left-out') {
    return { kind: 'due', ...defect, hosts, found, exemption, omission, serving, notices };
  }
  const all = desired.hosts.filter((route) => hosts.includes(route) || omission?.hosts.includes(route.host));
  return {
    kind: 'due',
    ...defect,
    hosts: all,
    found,
    exemption: 'none',
    omission,
    serving,
    notices,
  };
}

/** Whether the CA has issued a certificate for exactly these names lately (Let's Encrypt, docs/rate-limits.md). */
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

/** A host that another namespace owns stays only where our certificate has it already: that one keeps renewing. */
function hostsToCover(desired: DesiredCertificate, secret: SecretFacts) {
  const held =
    secret.kind === 'present' && secret.ours && secret.certificate.kind === 'readable'
      ? secret.certificate.dnsNames
      : [];
  const omission = omissionOf(desired, secret, held);
  const hosts: HostRoute[] = [];
  const notices: Failure[] = [];
  for (const route of desired.hosts) {
    if (omission?.hosts.includes(route.host)) notices.push(leftOut(route.host, desired.secretName));
    else if (!route.ownedElsewhere || covers(held, route.host)) hosts.push(route);
    else {
      const message = `Host ${route.host} is used by an older Ingress of another namespace.`;
      notices.push({ code: 'HostOwnedElsewhere', message, host: route.host });
    }
  }
  return { hosts, notices, omission };
}

/** What is recorded of hosts left out, where the certificate still serves without them and others are wanted besides. */
function omissionOf(
  { hosts }: DesiredCertificate,
  secret: SecretFacts,
  held: readonly string[],
): Omission | undefined {
  if (secret.kind === 'absent' || secret.omission === undefined || held.length === 0) return undefined;
  const { at, hosts: recorded } = secret.omission;
  const out = hosts.flatMap(({ host, ownedElsewhere }) =>
    recorded.includes(host) && !ownedElsewhere && !covers(held, host) ? [host] : [],
  );
  return { at, hosts: out.length < hosts.length ? out : [] };
}

function hostLeftOut(omission: Omission | undefined, { certificate }: PresentSecret): Defect | undefined {
  if (certificate.kind !== 'readable' || omission === undefined || omission.hosts.length === 0)
    return undefined;
  const message = `The certificate was ordered without ${omission.hosts.join(', ')}.`;
  return { reason: 'host-left-out', message, harmAt: certificate.notAfter };
}

function servingOf(certificate: CertificateFacts, policy: AssessmentPolicy): Serving | undefined {
  if (certificate.kind !== 'readable' || !certificate.keyMatches) return undefined;
  const { notBefore, notAfter, dnsNames } = certificate;
  return { notBefore, notAfter, dnsNames, renewAt: renewalTime(certificate, policy.minimumValidity) };
}

/** A Secret without a key pair is a placeholder, whoever made it. */
function isForeign(secret: PresentSecret): boolean {
  return secret.certificate.kind !== 'empty' && (secret.certManager || !secret.ours);
}

function defectOf(
  secretName: string,
  hosts: readonly HostRoute[],
  certificate: CertificateFacts,
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
  if (now >= renewalTime(certificate, policy.minimumValidity)) {
    const message = `The certificate in Secret ${secretName} expires at ${ends}.`;
    return { reason: 'near-expiry', message, harmAt: certificate.notAfter };
  }
  return undefined;
}

/** A certificate of ours that works, but is not what the configuration asks for now. */
function preferenceNotMet(
  desired: DesiredCertificate,
  { certificate, directory }: PresentSecret,
  policy: AssessmentPolicy,
): Defect | undefined {
  if (certificate.kind !== 'readable') return undefined;
  const harmAt = certificate.notAfter;
  // An absent record says nothing: Secrets of the old kube-lego have none, and swapping the image orders nothing.
  if (directory !== undefined && directory !== policy.directory && !policy.staging) {
    const message = `The certificate in Secret ${desired.secretName} was ordered from ${directory}.`;
    return { reason: 'issued-elsewhere', message, harmAt };
  }
  if (desired.keyType !== undefined && desired.keyType !== certificate.keyType) {
    const message = `The key in Secret ${desired.secretName} is not of type ${desired.keyType}.`;
    return { reason: 'key-type-changed', message, harmAt };
  }
  return undefined;
}

function refusalOf(
  { adopt }: DesiredCertificate,
  secret: PresentSecret,
  foreign: boolean,
  defect: Defect,
  policy: AssessmentPolicy,
): Failure | undefined {
  if (foreign) {
    const code = secret.certManager ? 'ManagedByCertManager' : 'ForeignSecret';
    const owner = secret.certManager ? 'is managed by cert-manager' : 'was not made by kube-lego';
    return { code, message: `${defect.message} The Secret ${owner}, so it is left alone.` };
  }
  if (secret.type !== 'kubernetes.io/tls') {
    return { code: 'WrongSecretType', message: `${defect.message} The Secret is of type ${secret.type}.` };
  }
  if (secret.immutable) {
    return { code: 'ImmutableSecret', message: `${defect.message} The Secret is immutable.` };
  }
  const trusted =
    secret.certificate.kind === 'readable' &&
    secret.certificate.keyMatches &&
    secret.directory !== policy.directory;
  const ending = defect.reason === 'near-expiry' || defect.reason === 'expired';
  if (policy.staging && trusted && !(ending && adopt)) {
    const message = `${defect.message} ${policy.directory} is a staging CA, which browsers do not trust.`;
    return { code: 'StagingDirectory', message };
  }
  return undefined;
}
