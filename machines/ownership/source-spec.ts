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
}

/**
 * Projection of an object that requests certificates, such as an Ingress: hosts, Secrets, class. Only a difference here, except in
 * our own `status`, is a change; other fields (labels, other annotations, managedFields) are ignored. If `enabled` is false, only
 * the identity is filled in, to save memory for objects that are not ours.
 */
export interface SourceSpec extends SourceReference {
  readonly uid: string;
  /** `metadata.creationTimestamp` in milliseconds since the epoch. */
  readonly createdAt: number;
  /** The annotation `kubernetes.io/tls-acme`, compared case-insensitively. */
  readonly enabled: boolean;
  readonly ingressClass: IngressClassReference;
  readonly tls: readonly TlsEntry[];
  /** Hosts of `spec.rules`. */
  readonly ruleHosts: readonly string[];
  /** `kube-lego.io/adopt` is set, which belongs on a Secret. */
  readonly misplacedAdopt?: true | undefined;
  /** `kube-lego.io/retry`: each new value resets the back-off. */
  readonly retry: string | undefined;
  readonly keyType: string | undefined;
  readonly profile: string | undefined;
  readonly selfCheck: string | undefined;
  /** An issuer annotation of cert-manager is present. */
  readonly certManager: boolean;
  /** The raw value of `kube-lego.io/status`, not validated. */
  readonly status?: string | undefined;
}
