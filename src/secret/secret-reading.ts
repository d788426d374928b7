// The annotations on our Secrets: what a certificate was ordered with, its renewal window, its left-out hosts. Used by the steps,
// the commands and the inspector.

import type { CertificateFacts, SecretFacts } from '../../machines/assessment/secret-facts.ts';
import { adoptAnnotation } from '../../machines/ownership/adoption.ts';
import type { RevocationReason } from '../../machines/revocation/revocation.ts';
import { readCertificate } from '../certificate/reading.ts';
import { managedByLabel } from '../kubernetes/records/managed-by.ts';
import { placeholderAnnotation, type StoredSecret } from '../kubernetes/records/secret-store.ts';
import { omissionAnnotation, readOmission } from './omission.ts';
import { readRenewal, renewalAnnotation } from './renewal-record.ts';

/** Annotation on a Secret: the directory that its certificate was ordered from. */
export const directoryAnnotation = 'kube-lego.io/directory';
/** Annotation: the profile that it was ordered with; empty for none. */
export const profileAnnotation = 'kube-lego.io/issued-profile';
/** Annotation: `true` if all its hosts had passed the self-check before the order; else absent. */
export const selfCheckedAnnotation = 'kube-lego.io/self-checked';
/** Annotation: the key type that it was ordered with. */
export const keyTypeAnnotation = 'kube-lego.io/issued-key-type';
/** Annotation: the fingerprint of a certificate that the CA sent with a flaw, which another order does not mend. */
export const flawedAnnotation = 'kube-lego.io/flawed';
/** The annotation of the kube-lego of 2016 on its Secrets. */
const markerOf2016 = 'kubernetes.io/tls-acme';
const certManagerAnnotations = ['cert-manager.io/issuer-name', 'cert-manager.io/certificate-name'];

/**
 * Whether the annotations say that kube-lego, this one or that of 2016, wrote the certificate. The label alone is not reliable: Helm
 * and Argo CD reset labels at each deployment.
 */
export function isRecordedAsOurs(annotations: Readonly<Record<string, unknown>>): boolean {
  const marker = annotations[markerOf2016];
  return (
    annotations[directoryAnnotation] !== undefined ||
    (typeof marker === 'string' && marker.toLowerCase() === 'true')
  );
}

/**
 * The input of the assessment.
 * @param revocation see `RevocationRegister.reasonFor`
 */
export function factsOf(stored: StoredSecret | undefined, revocation?: RevocationReason): SecretFacts {
  if (stored === undefined) return { kind: 'absent' };
  const { uid, resourceVersion, type, immutable, deleting, annotations, labels, repeat } = stored;
  const manager = labels[managedByLabel.key];
  const certificate = certificateOf(stored);
  const { id, fingerprint } =
    certificate.kind === 'readable' ? certificate : { id: undefined, fingerprint: undefined };
  const flawed = annotations[flawedAnnotation];
  return {
    kind: 'present',
    uid,
    resourceVersion,
    type,
    immutable,
    ...(deleting === undefined ? {} : { deleting }),
    ours: manager === managedByLabel.value || isRecordedAsOurs(annotations),
    adopt: annotations[adoptAnnotation]?.trim().toLowerCase() === 'true',
    managedByOther: manager !== undefined && manager !== managedByLabel.value,
    ...(repeat === undefined ? {} : { repeat }),
    certManager: certManagerAnnotations.some((key) => Object.hasOwn(annotations, key)),
    directory: annotations[directoryAnnotation],
    omission: readOmission(annotations[omissionAnnotation]),
    profile: annotations[profileAnnotation],
    selfChecked: annotations[selfCheckedAnnotation] === 'true',
    asSent: flawed !== undefined && flawed === fingerprint,
    orderedKeyType: annotations[keyTypeAnnotation],
    window: readRenewal(annotations[renewalAnnotation], id),
    ...(revocation === undefined ? {} : { revocation }),
    certificate,
  };
}

/**
 * A placeholder counts as no key pair. The annotation says which certificate it is about: one that somebody else has put in its place is
 * not taken for it.
 */
function certificateOf({ annotations, certificatePem, keyPem }: StoredSecret): CertificateFacts {
  const certificate = readCertificate(certificatePem, keyPem);
  const isPlaceholder =
    certificate.kind === 'readable' && certificate.fingerprint === annotations[placeholderAnnotation];
  return isPlaceholder ? { kind: 'empty', placeholder: true } : certificate;
}
