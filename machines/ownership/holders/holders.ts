/** The namespace that kube-lego was last issued a certificate for a host for. Recorded by kube-lego where no tenant writes. */
export interface Holder {
  readonly namespace: string;
  /** Validity of that certificate, in milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The first 16 characters of the base64url SHA-256 of the leaf's DER. */
  readonly certificate: string;
}

/** A certificate that was issued to kube-lego, and the hosts that it proves the namespace for. */
export interface HostProof extends Holder {
  readonly hosts: readonly string[];
}

/** A Namespace with the domains that `kube-lego.io/domains` reserves for it, see `parseDomains`. */
export interface NamespaceSpec {
  readonly name: string;
  /** `metadata.creationTimestamp` in milliseconds since the epoch. */
  readonly createdAt: number;
  readonly domains: readonly string[];
}
