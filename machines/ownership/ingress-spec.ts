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
 * What kube-lego reads of an Ingress, and nothing else: a difference between two of these is a change (but for that of our
 * own `status`), everything outside (status, labels, other annotations, managedFields) is none. When `enabled` is false only the identity is
 * filled, so that Ingresses which are not ours cost next to nothing.
 */
export interface IngressSpec {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
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

/** The identity by which actors are known, `namespace/name`. */
export function ingressKey(ingress: { readonly namespace: string; readonly name: string }): string {
  return `${ingress.namespace}/${ingress.name}`;
}
