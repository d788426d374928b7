import type { Failure } from '../reasons/reasons.ts';
import type { IngressClassReference } from './source-spec.ts';

const keyTypes = ['ec-p256', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;
export type KeyType = (typeof keyTypes)[number];

/** Whether the text names a kind of key that a certificate may have. */
export function isKeyType(text: string): text is KeyType {
  return keyTypes.some((keyType) => keyType === text);
}

/** A host of a certificate, with the class of the Ingress through which it is reached. */
export interface HostRoute {
  readonly host: string;
  readonly ingressClass: IngressClassReference;
  /** Another namespace has the older claim to this host. */
  readonly ownedElsewhere: boolean;
}

/** What one Secret should hold, merged from all sources of its namespace that name it. */
export interface DesiredCertificate {
  readonly namespace: string;
  readonly secretName: string;
  readonly hosts: readonly HostRoute[];
  /** A Secret that is not ours may be replaced. */
  readonly adopt: boolean;
  readonly keyType: KeyType | undefined;
  readonly profile: string | undefined;
  /** False where the source says `kube-lego.io/self-check: "false"`. */
  readonly selfCheck: boolean;
}

/** What one source has to see to, and what is to be said of the rest of it. */
export interface Assignment {
  readonly desired: readonly DesiredCertificate[];
  readonly notices: readonly Failure[];
  /** The value of `kube-lego.io/retry`: a new one resets the back-off. */
  readonly retry: string | undefined;
}
