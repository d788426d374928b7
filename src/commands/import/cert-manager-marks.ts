// What cert-manager leaves on Ingresses and Secrets, and how it is taken off and put back: the record of an import is an annotation of
// the object itself, so that whoever forges it gains nothing that he could not write there himself.

import { adoptAnnotation } from '../../../machines/ownership/adoption.ts';
import { managedByLabel } from '../../kubernetes/records/managed-by.ts';
import { parsedJson, recordField, stringField } from '../../process/json.ts';

/** Annotation on an Ingress or a Secret: what `kube-lego import` has taken off, as JSON. */
export const importedAnnotation = 'kube-lego.io/imported';

type Texts = Readonly<Record<string, string>>;
/** Of a JSON merge patch: null removes the key. */
export type TextChanges = Readonly<Record<string, string | null>>;

export interface MetadataChanges {
  readonly annotations: TextChanges;
  readonly labels?: TextChanges;
}

/** By which cert-manager finds the Secrets that it has written. */
const secretLabel = 'controller.cert-manager.io/fao';
const automaticAnnotation = 'kubernetes.io/tls-acme';

export function isOfCertManager(key: string): boolean {
  return /^(?:(?:[a-z-]+\.)?cert-manager\.io|certmanager\.k8s\.io)\//.test(key);
}

/** Whether an annotation has cert-manager make Certificates for the Ingress: its issuer. */
export function isIssuerAnnotation(key: string): boolean {
  return key === 'cert-manager.io/issuer' || key === 'cert-manager.io/cluster-issuer';
}

/** The annotations of an Ingress by which cert-manager takes it up, or goes. */
export function ingressMarks(annotations: Texts, annotationKey: string): Texts {
  return picked(
    annotations,
    (key) => isOfCertManager(key) || (key === automaticAnnotation && key !== annotationKey),
  );
}

/** The annotations of a Secret by which cert-manager knows it. */
export function secretMarks(annotations: Texts): Texts {
  return picked(annotations, isOfCertManager);
}

function picked(texts: Texts, fits: (key: string) => boolean): Texts {
  return Object.fromEntries(Object.entries(texts).filter(([key]) => fits(key)));
}

/** cert-manager makes nothing for the Ingress any more. */
export function releasedIngress(annotations: Texts, annotationKey: string): MetadataChanges {
  const marks = ingressMarks(annotations, annotationKey);
  const handed = picked(annotations, (key) => key === annotationKey);
  const taken = { ...recordedIn(annotations, annotationKey)?.annotations, ...marks, ...handed };
  return { annotations: { ...removed(marks), [importedAnnotation]: record({ annotations: taken }) } };
}

/** kube-lego renews the certificate in the Secret, and orders nothing before. */
export function adoptedSecret(annotations: Texts, labels: Texts): MetadataChanges {
  const marks = secretMarks(annotations);
  const before = recordedIn(annotations);
  const isMarked = labels[secretLabel] !== undefined || before?.labels[secretLabel] !== undefined;
  const taken = {
    annotations: { ...before?.annotations, ...marks },
    labels: isMarked ? { [secretLabel]: 'true' } : {},
  };
  return {
    annotations: { ...removed(marks), [adoptAnnotation]: 'true', [importedAnnotation]: record(taken) },
    labels: { [secretLabel]: null },
  };
}

/** kube-lego lets the Secret go, and cert-manager knows it again. */
export function returnedSecret(annotations: Texts, labels: Texts): MetadataChanges {
  const { annotations: restored = {}, labels: marks = {} } = recordedIn(annotations) ?? {};
  const ours = picked(annotations, (key) => key.startsWith('kube-lego.io/'));
  const isManaged = labels[managedByLabel.key] === managedByLabel.value;
  return {
    annotations: { ...removed(ours), ...restored },
    labels: { ...marks, ...(isManaged ? { [managedByLabel.key]: null } : {}) },
  };
}

/** cert-manager makes Certificates for the Ingress again. */
export function returnedIngress(annotations: Texts, annotationKey: string): MetadataChanges {
  return {
    annotations: { ...recordedIn(annotations, annotationKey)?.annotations, [importedAnnotation]: null },
  };
}

/**
 * What was taken off; undefined without a record. Nothing but marks of cert-manager is read from it.
 * @param annotationKey of an Ingress: the one that hands it to kube-lego, which it may have had before
 */
export function recordedIn(annotations: Texts, annotationKey?: string) {
  const text = annotations[importedAnnotation];
  if (text === undefined) return undefined;
  const found = parsedJson(text);
  if (stringField(found, 'from') !== 'cert-manager') return undefined;
  return {
    annotations: picked(
      textsIn(found, 'annotations'),
      (key) => isOfCertManager(key) || key === automaticAnnotation || key === annotationKey,
    ),
    labels: picked(textsIn(found, 'labels'), (key) => key === secretLabel),
  };
}

/** The texts in this field of an object. */
export function textsIn(object: unknown, field: string): Texts {
  const entries = Object.entries(recordField(object, field) ?? {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function record(taken: { readonly annotations: Texts; readonly labels?: Texts }): string {
  return JSON.stringify({ from: 'cert-manager', ...taken });
}

function removed(texts: Texts): TextChanges {
  return Object.fromEntries(Object.keys(texts).map((key) => [key, null]));
}

/** The object's annotations after these changes. */
export function changed(texts: Texts, changes: TextChanges): Texts {
  const entries = Object.entries({ ...texts, ...changes });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null));
}
