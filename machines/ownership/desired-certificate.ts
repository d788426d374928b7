import type { Failure } from '../reasons/reasons.ts';
import type { Keystore } from './keystore.ts';
import type { SourceKey } from './source-key.ts';
import type { IngressClassReference } from './source-spec.ts';

const keyTypes = ['ec-p256', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;
export type KeyType = (typeof keyTypes)[number];

export function isKeyType(text: string): text is KeyType {
  return keyTypes.some((keyType) => keyType === text);
}

/**
 * Whether a namespace may have a certificate for a host.
 *
 * - `elsewhere`: the host belongs to another namespace.
 * - `grace`: it belonged to another one, and does until the grace period ends.
 * - `reserved`: the operator has reserved it for another namespace.
 * - `not-reserved`: `LEGO_REQUIRE_DOMAINS`, and it is not reserved for this one.
 * - `unknown`: `LEGO_REQUIRE_DOMAINS`, and Namespaces cannot be read.
 * - `covers-others`: a wildcard, and a host below it belongs to another namespace.
 */
export type Standing =
  | 'ours'
  | 'elsewhere'
  | 'grace'
  | 'reserved'
  | 'not-reserved'
  | 'unknown'
  | 'covers-others';

/** The Ingress whose certificate is served for a host, instead of that of a Secret. */
export interface ServedInstead {
  readonly source: SourceKey;
  /** Empty: it names none. */
  readonly secretName: string;
  /** Of the Ingress; `equal`: of the same second. */
  readonly age: 'older' | 'equal';
  /** False: the order of the ingress controller is not known. */
  readonly certain: boolean;
}

/** A host of a certificate, with the ways by which those that ask for it are reached: at least one. */
export interface HostRoute {
  readonly host: string;
  /** Of the Ingresses: that of the oldest one comes first. */
  readonly ingressClasses: readonly IngressClassReference[];
  /** The Gateways and ListenerSets, the oldest first; at most `mostGateways`. */
  readonly gateways?: readonly SourceKey[];
  readonly standing: Standing;
  /** How it is proven, if not by HTTP-01. */
  readonly challenge?: 'dns-01';
  /** `grace` only: until when, in milliseconds since the epoch. */
  readonly until?: number;
  /** `elsewhere` only: the Ingress there is of the same second. */
  readonly equalAge?: true;
  /** `ours` only: the ingress controller serves the host with another certificate. */
  readonly servedInstead?: ServedInstead;
}

/**
 * What is asked for. Why the namespace may not have a host makes no difference: else another namespace could end rounds, or reset a
 * back-off, by its changes.
 */
export function requestedRoutes(hosts: readonly HostRoute[]) {
  return hosts.map(({ host, ingressClasses, gateways = [], standing, challenge }) => [
    host,
    ...ingressClasses,
    ...gateways,
    standing === 'ours',
    ...(challenge === undefined ? [] : [challenge]),
  ]);
}

/** Those that get a certificate, and those that keep theirs. */
export function allHosts({ hosts, keeps = [] }: Pick<DesiredCertificate, 'hosts' | 'keeps'>): string[] {
  return [...hosts, ...keeps].map(({ host }) => host);
}

/** The desired content of one Secret, merged from all sources of its namespace that name it. */
export interface DesiredCertificate {
  readonly namespace: string;
  readonly secretName: string;
  readonly hosts: readonly HostRoute[];
  readonly keyType: KeyType | undefined;
  readonly profile: string | undefined;
  /**
   * Hosts that get no new certificate, because a setting is refused: what covers them now is kept as it is
   * (docs/decisions/009-refused-settings.md).
   */
  readonly keeps?: readonly HostRoute[];
  /** The setting that counts for the certificate, and is refused. */
  readonly refusedSetting?: Pick<Failure, 'code' | 'message'>;
  /** False where the source says `kube-lego.io/self-check: "false"`. */
  readonly selfCheck: boolean;
  /** Several people have named its hosts: those of one that fails are left out until they do not. */
  readonly separable?: true;
  /** Made of the certificate when it is stored; undefined for none. */
  readonly keystore?: Keystore;
}

/** The certificates that one source owns, and notices about the rest of its claims. */
export interface Assignment {
  readonly desired: readonly DesiredCertificate[];
  readonly notices: readonly Failure[];
  /** The value of `kube-lego.io/retry`: a new one resets the back-off. */
  readonly retry: string | undefined;
  /** The source is of a class that is not ours: it gets no actor, and neither Events nor a status. */
  readonly outside?: true;
}
