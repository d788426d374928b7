import type { Failure } from '../reasons/reasons.ts';
import type { KeystoreRequest } from './keystore.ts';
import type { SourceReference } from './source-key.ts';

/** The class of an Ingress: `spec.ingressClassName`, the annotation of Kubernetes before 1.18, or none. */
export type IngressClassReference =
  | { readonly form: 'field'; readonly name: string }
  | { readonly form: 'annotation'; readonly name: string }
  | { readonly form: 'none' };

/** One entry of `spec.tls`; hosts are lower case, without trailing dot. */
export interface TlsEntry {
  readonly secretName: string | undefined;
  readonly hosts: readonly string[];
  /** Some of its hosts were not read, see `Excess`. */
  readonly incomplete?: true;
  /** Several people have named its hosts: one that fails must not hold up those of the others. */
  readonly separable?: true;
  /** Those that other namespaces have named. */
  readonly shares?: readonly Share[];
}

/** Hosts of a shared certificate that one namespace has named: it gets no more of them than it leaves room for others. */
export interface Share {
  readonly namespace: string;
  readonly hosts: readonly string[];
}

export const retryAnnotation = 'kube-lego.io/retry';

/** What was not read of an object, because it exceeds the bounds of one. */
export interface Excess {
  /** Number of entries of `spec.tls`, of their hosts, and of hosts of `spec.rules`. */
  readonly entries: number;
  readonly tlsHosts: number;
  readonly ruleHosts: number;
  /** Annotations with a longer value than any that is valid. */
  readonly annotations: readonly string[];
}

/**
 * Projection of an object that requests certificates, such as an Ingress: hosts, Secrets, class. Only a difference here, except in
 * our own `status`, is a change; other fields (labels, other annotations, managedFields) are ignored. Bounded, whatever the object
 * contains. If `enabled` is false, it is a claim to its hosts, and only identity, class and hosts are filled in.
 */
export interface SourceSpec extends SourceReference {
  readonly uid: string;
  /** `metadata.creationTimestamp` in milliseconds since the epoch. */
  readonly createdAt: number;
  /** The annotation `kubernetes.io/tls-acme`, compared case-insensitively. */
  readonly enabled: boolean;
  readonly ingressClass: IngressClassReference;
  /** Its hosts are reached through it as a Gateway or ListenerSet: it has no class, and other hosts than those of `tls` are no mistake. */
  readonly gateway?: true | undefined;
  /** About requests that cannot be fulfilled, found when the source was read. */
  readonly notices?: readonly Failure[] | undefined;
  /** Secrets that its listeners wait for: until there is a certificate, each holds a placeholder. */
  readonly awaited?: readonly string[] | undefined;
  readonly tls: readonly TlsEntry[];
  /** Hosts of `spec.rules` with a path that is not only for ACME challenges. */
  readonly ruleHosts: readonly string[];
  /** It has a rule without host, or a default backend: it serves every host that no other rule names. */
  readonly servesAnyHost?: true | undefined;
  /** Further hosts that its ingress controller serves as those of its rules, by an annotation of that controller. */
  readonly aliases?: readonly string[] | undefined;
  /** The ingress controller redirects `www.HOST` to `HOST` or the other way round, for each host of the rules. */
  readonly redirectsWww?: true | undefined;
  /** `kube-lego.io/adopt` is set, which belongs on a Secret. */
  readonly misplacedAdopt?: true | undefined;
  /** `kube-lego.io/retry`: each new value resets the back-off. */
  readonly retry: string | undefined;
  readonly keyType: string | undefined;
  readonly profile: string | undefined;
  readonly selfCheck: string | undefined;
  readonly keystore?: KeystoreRequest | undefined;
  /** `kube-lego.io/challenge`: the type of challenge. */
  readonly challenge?: string | undefined;
  /** An issuer annotation of cert-manager is present. */
  readonly certManager: boolean;
  readonly excess?: Excess | undefined;
  /** The raw value of `kube-lego.io/status`, not validated. */
  readonly status?: string | undefined;
}

/** What ingress controllers know the class by: its name, in whichever form; without one, that of the cluster's default class. */
export function classNameOf(ingressClass: IngressClassReference, defaultClass: string | undefined): string {
  return ingressClass.form === 'none' ? (defaultClass ?? '') : ingressClass.name;
}
