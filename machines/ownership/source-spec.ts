import type { SourceReference } from './source-key.ts';

/** How an Ingress names its class: `spec.ingressClassName`, the annotation of Kubernetes before 1.18, or not at all. */
export type IngressClassReference =
  | { readonly form: 'field'; readonly name: string }
  | { readonly form: 'annotation'; readonly name: string }
  | { readonly form: 'none' };

/** One entry of `spec.tls`; hosts are lower case and without the final dot. */
export interface TlsEntry {
  readonly secretName: string | undefined;
  readonly hosts: readonly string[];
}

/**
 * What kube-lego reads of an object that asks for certificates, such as an Ingress, and nothing else: these hosts in this Secret, reached
 * by this route. A difference between two of these is a change (but for that of our own `status`), everything outside (labels, other
 * annotations, managedFields) is none. When `enabled` is false only the identity is filled, so that objects which are not ours
 * cost next to nothing.
 */
export interface SourceSpec extends SourceReference {
  readonly uid: string;
  /** `metadata.creationTimestamp` in milliseconds since the epoch. */
  readonly createdAt: number;
  /** The annotation gate `kubernetes.io/tls-acme`, its value compared without case. */
  readonly enabled: boolean;
  readonly ingressClass: IngressClassReference;
  readonly tls: readonly TlsEntry[];
  /** The hosts of `spec.rules`. */
  readonly ruleHosts: readonly string[];
  /** `kube-lego.io/adopt` is "true". */
  readonly adopt: boolean;
  /** `kube-lego.io/retry`: each new value resets the back-off. */
  readonly retry: string | undefined;
  readonly keyType: string | undefined;
  readonly profile: string | undefined;
  readonly selfCheck: string | undefined;
  /** An issuer annotation of cert-manager is present. */
  readonly certManager: boolean;
  /** `kube-lego.io/status` as it is there, right or wrong. */
  readonly status?: string | undefined;
}
