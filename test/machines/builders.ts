import { domainToUnicode } from 'node:url';
import type { HolderOf } from '../../machines/assessment/proof.ts';
import type { CertificateFacts, SecretFacts } from '../../machines/assessment/secret-facts.ts';
import { OrderBudget } from '../../machines/authority/order-budget.ts';
import { registeredDomain } from '../../machines/hosts/registered-domain.ts';
import type { CertificateInput } from '../../machines/ingress/certificate.ts';
import { Ledger } from '../../machines/ledger/ledger.ts';
import type { RateLimits } from '../../machines/ledger/rate-limits.ts';
import type {
  Assignment,
  DesiredCertificate,
  HostRoute,
} from '../../machines/ownership/desired-certificate.ts';
import type { Holder } from '../../machines/ownership/holders/holders.ts';
import type { OwnershipPolicy } from '../../machines/ownership/ownership.ts';
import type { SourceSpec } from '../../machines/ownership/source-spec.ts';
import type { SupervisorEvent } from '../../machines/supervisor/supervisor-messages.ts';

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** The moment at which the tests of the machines play. */
export const now = Date.UTC(2026, 10, 24, 12);

/** An enabled Ingress `shop/web`, a day old, with one host and one Secret, but for what is said otherwise. */
export function ingressSpec(changes: Partial<SourceSpec> = {}): SourceSpec {
  const namespace = changes.namespace ?? 'shop';
  const name = changes.name ?? 'web';
  return {
    kind: 'Ingress',
    uid: `uid-of-${namespace}-${name}`,
    namespace,
    name,
    createdAt: now - day,
    enabled: true,
    ingressClass: { form: 'field', name: 'nginx' },
    tls: [{ secretName: 'web-tls', hosts: ['web.example.com'] }],
    ruleHosts: [],
    retry: undefined,
    keyType: undefined,
    profile: undefined,
    selfCheck: undefined,
    certManager: false,
    ...changes,
  };
}

export const ownershipPolicy: OwnershipPolicy = {
  hostOwnership: 'namespace',
  hostGrace: 300_000,
  requireDomains: false,
  mostNames: 100,
  supportedClasses: undefined,
  names: 'public',
  toUnicode: domainToUnicode,
  defaultClass: undefined,
  controllers: new Map(),
  dns01: false,
};

/** What the supervisor goes by, unless a test is about that. */
export const supervisorPolicy = {
  ownership: ownershipPolicy,
  admission: { hosts: 500, ordersInFlight: 10 },
  ingress: { checkInterval: 8 * hour, minimumValidity: 30 * day },
} as const;

export function route(host: string, changes: Partial<HostRoute> = {}): HostRoute {
  return { host, ingressClasses: [{ form: 'field', name: 'nginx' }], standing: 'ours', ...changes };
}

/** What the Secret `shop/web-tls` should hold: a certificate for `web.example.com`. */
export function desiredCertificate(changes: Partial<DesiredCertificate> = {}): DesiredCertificate {
  return {
    namespace: 'shop',
    secretName: 'web-tls',
    hosts: [route('web.example.com')],
    keyType: undefined,
    profile: undefined,
    selfCheck: true,
    ...changes,
  };
}

/** The round of a Secret `shop/web-tls` that does not exist yet. */
export function certificateInput(changes: Partial<CertificateInput> = {}): CertificateInput {
  const desired = changes.desired ?? desiredCertificate();
  return {
    id: 'round',
    source: 'Ingress/shop/web',
    sourceUid: 'uid',
    desired,
    hosts: desired.hosts,
    reason: 'missing',
    purpose: 'first',
    found: undefined,
    harmAt: now,
    exemption: 'none',
    ...changes,
  };
}

/** An assignment with one certificate for each Secret name, its host named after it. */
export function assignment(secretNames: readonly string[], changes: Partial<Assignment> = {}): Assignment {
  const desired = secretNames.map((secretName) =>
    desiredCertificate({ secretName, hosts: [route(`${secretName}.example.com`)] }),
  );
  return { desired, notices: [], retry: undefined, ...changes };
}

type ReadableCertificate = Extract<CertificateFacts, { kind: 'readable' }>;
type PresentSecret = Extract<SecretFacts, { kind: 'present' }>;

/** A certificate of 90 days for `web.example.com` in the first third of its life. */
export function certificateFacts(changes: Partial<ReadableCertificate> = {}): ReadableCertificate {
  return {
    kind: 'readable',
    notBefore: now - 10 * day,
    notAfter: now + 80 * day,
    dnsNames: ['web.example.com'],
    keyMatches: true,
    keyType: 'ec-p256',
    issuer: 'CN=Test CA',
    fingerprint: 'fingerprint-of-1',
    ...changes,
  };
}

/** A Secret of ours that holds a good certificate. */
export function secretFacts(changes: Partial<PresentSecret> = {}): PresentSecret {
  return {
    kind: 'present',
    uid: 'uid-of-secret',
    resourceVersion: '17',
    type: 'kubernetes.io/tls',
    immutable: false,
    ours: true,
    adopt: false,
    certManager: false,
    directory: undefined,
    certificate: certificateFacts(),
    ...changes,
  };
}

/** Nobody holds a host, and nothing is reserved. */
export const ownershipRead: readonly SupervisorEvent[] = [
  { type: 'HOLDERS_READ', holders: new Map(), recordExisted: true },
  { type: 'NAMESPACES_READ' },
  { type: 'CLASSES_READ' },
];

/** A record in which each host has a certificate like that of `certificateFacts`, issued for namespace `shop`. */
export function recordedHolder(changes: Partial<Holder> = {}): HolderOf {
  const { notBefore, notAfter, fingerprint } = certificateFacts();
  const holder = { namespace: 'shop', notBefore, notAfter, certificate: fingerprint, ...changes };
  return () => holder;
}

export const nobodyRecorded: HolderOf = () => undefined;

/** The budget at a CA that has these limits, and none if none are given. */
export function orderBudget(limits: RateLimits['limits'] = {}): OrderBudget {
  return new OrderBudget(new Ledger({ limits, reserve: 0 }, registeredDomain, (text) => text));
}
