import type { Failure } from '../reasons/reasons.ts';
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
 */
export type Standing = 'ours' | 'elsewhere' | 'grace' | 'reserved' | 'not-reserved';

/** A host of a certificate, with the class of the Ingress that routes it. */
export interface HostRoute {
  readonly host: string;
  readonly ingressClass: IngressClassReference;
  readonly standing: Standing;
  /** `grace` only: until when, in milliseconds since the epoch. */
  readonly until?: number;
}

/**
 * What is asked for. Why the namespace may not have a host makes no difference: else another namespace could end rounds, or reset a
 * back-off, by its changes.
 */
export function requestedRoutes(hosts: readonly HostRoute[]) {
  return hosts.map(({ host, ingressClass, standing }) => [host, ingressClass, standing === 'ours']);
}

/** The desired content of one Secret, merged from all sources of its namespace that name it. */
export interface DesiredCertificate {
  readonly namespace: string;
  readonly secretName: string;
  readonly hosts: readonly HostRoute[];
  readonly keyType: KeyType | undefined;
  readonly profile: string | undefined;
  /** A setting of the source is refused: what there is, is kept as it is. */
  readonly settingsRefused?: true;
  /** False where the source says `kube-lego.io/self-check: "false"`. */
  readonly selfCheck: boolean;
}

/** The certificates that one source owns, and notices about the rest of its claims. */
export interface Assignment {
  readonly desired: readonly DesiredCertificate[];
  readonly notices: readonly Failure[];
  /** The value of `kube-lego.io/retry`: a new one resets the back-off. */
  readonly retry: string | undefined;
}
