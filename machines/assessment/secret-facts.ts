import type { KeyType } from '../ownership/desired-certificate.ts';
import type { RevocationReason } from '../revocation/revocation.ts';
import type { RenewalWindow, Validity } from './renewal.ts';
import type { Omission } from './rescue.ts';

/** The parsed key pair of a Secret. */
export type CertificateFacts =
  /** `placeholder`: it holds the self-signed one of kube-lego, for a listener that waits for a certificate. */
  | { readonly kind: 'empty'; readonly placeholder?: true }
  /** `detail`: which part and why, without contents. */
  | { readonly kind: 'unreadable'; readonly detail: string }
  | (Validity & {
      readonly kind: 'readable';
      readonly dnsNames: readonly string[];
      /** The private key belongs to the certificate. */
      readonly keyMatches: boolean;
      /** The place in tls.crt of the certificate that it belongs to, from 2 on, if that is not the first. */
      readonly place?: number;
      /** Which servers cannot load the key pair, and why; undefined if all can. */
      readonly refused?: string;
      /** The certificate is not self-signed, and tls.crt does not have that of its issuer. */
      readonly issuerMissing?: boolean;
      /** Undefined for a type that kube-lego does not create. */
      readonly keyType: KeyType | undefined;
      /** The issuer's distinguished name on one line. */
      readonly issuer: string;
      /** ARI certificate identifier (RFC 9773 section 4.1); undefined without an authority key identifier. */
      readonly id?: string | undefined;
      /** As the record of holders has it. */
      readonly fingerprint: string;
    });

/** What was read of the Secret. */
export type SecretFacts =
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'present';
      readonly uid: string;
      readonly resourceVersion: string;
      readonly type: string;
      readonly immutable: boolean;
      /** It has been deleted, and waits for a finalizer. */
      readonly deleting?: true;
      /** It has our label, our record of the directory, or the annotation of the old kube-lego. */
      readonly ours: boolean;
      /** Its annotation `kube-lego.io/adopt` asks for replacement. */
      readonly adopt: boolean;
      /** Its label `app.kubernetes.io/managed-by` names another manager, such as Helm. */
      readonly managedByOther?: boolean;
      readonly repeat?: SecretVersion['repeat'];
      readonly certManager: boolean;
      /** Recorded by us at issuance; absent on Secrets of the old kube-lego. */
      readonly directory: string | undefined;
      /** The profile of the order, likewise; empty for none. */
      readonly profile?: string | undefined;
      /** The key type of the order, likewise. */
      readonly orderedKeyType?: string | undefined;
      /** Likewise: its hosts had passed the self-check before the order. */
      readonly selfChecked?: boolean;
      /** Likewise, of the certificate that is there now: the CA sent it with the flaw that it has, see `flawOf`. */
      readonly asSent?: boolean;
      /** Hosts left out of the order. */
      readonly omission?: Omission | undefined;
      /** The ARI window, as last recorded. */
      readonly window?: RenewalWindow | undefined;
      /** The CA has suggested this window to this process: whoever may write the Secret may have written the record. */
      readonly windowConfirmed?: boolean;
      /** An operator has requested the revocation of the certificate, or of another one with its key: not from the Secret. */
      readonly revocation?: RevocationReason | undefined;
      readonly certificate: CertificateFacts;
    };

export type ReadableCertificate = Extract<CertificateFacts, { kind: 'readable' }>;
export type PresentSecret = Extract<SecretFacts, { kind: 'present' }>;

/** Precondition of the write: the Secret must still be the one that was judged. */
export interface SecretVersion {
  readonly uid: string;
  readonly resourceVersion: string;
  /** Its label `app.kubernetes.io/managed-by` names another manager, and is kept. */
  readonly managedByOther?: boolean;
  /** It asks for adoption; the write fulfils that. */
  readonly adopt?: boolean;
  /** It holds a placeholder, which the write replaces. */
  readonly placeholder?: true;
  /** Labels and annotations that the write must repeat, to leave them as they are. */
  readonly repeat?:
    | {
        readonly labels: Readonly<Record<string, string>>;
        readonly annotations: Readonly<Record<string, string>>;
      }
    | undefined;
}

/**
 * Not ours, and no request to adopt it: its contents are nobody's business but its owner's. A TLS Secret without a key pair, or
 * with a placeholder of ours, may be filled. Adoption does not take a Secret away from cert-manager, which would write to it again.
 */
export function isForeign(secret: PresentSecret): boolean {
  if (secret.certManager) return true;
  return !secret.ours && !secret.adopt && !isEmpty(secret);
}

function isEmpty({ type, immutable, certificate }: PresentSecret): boolean {
  return type === 'kubernetes.io/tls' && !immutable && certificate.kind === 'empty';
}

/** It holds the placeholder that kube-lego wrote. */
export function holdsPlaceholder({ certificate }: Pick<PresentSecret, 'certificate'>): boolean {
  return certificate.kind === 'empty' && certificate.placeholder === true;
}
