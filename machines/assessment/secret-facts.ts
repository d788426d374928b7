import type { KeyType } from '../ownership/desired-certificate.ts';
import type { RenewalWindow, Validity } from './renewal.ts';
import type { Omission } from './rescue.ts';

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
      /** By which the CA knows it (RFC 9773 section 4.1); undefined for one without an authority key identifier. */
      readonly id?: string | undefined;
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
      /** Our label, our record of the directory, or the annotation of the old kube-lego. */
      readonly ours: boolean;
      /** Its label `app.kubernetes.io/managed-by` names somebody else, such as Helm. */
      readonly managedByOther?: boolean;
      readonly certManager: boolean;
      /** Recorded by us at issuance; absent on Secrets of the old kube-lego. */
      readonly directory: string | undefined;
      /** The profile it was ordered with, likewise; empty for none. */
      readonly profile?: string | undefined;
      /** The type of key that was asked for, likewise. */
      readonly orderedKeyType?: string | undefined;
      /** Recorded by us: its hosts have passed the self-check before it was ordered. */
      readonly selfChecked?: boolean;
      /** Hosts that the certificate was ordered without. */
      readonly omission?: Omission | undefined;
      /** When the CA wants this certificate renewed, as it was last recorded. */
      readonly window?: RenewalWindow | undefined;
      readonly certificate: CertificateFacts;
    };

export type PresentSecret = Extract<SecretFacts, { kind: 'present' }>;

/** The identity of the Secret that was judged: a write that finds another one is refused. */
export interface SecretVersion {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Its label `app.kubernetes.io/managed-by` names somebody else, and stays. */
  readonly managedByOther?: boolean;
}

/** A Secret without a key pair is a placeholder, whoever made it. */
export function isForeign(secret: PresentSecret): boolean {
  return secret.certificate.kind !== 'empty' && (secret.certManager || !secret.ours);
}
