import { normalizeHost } from '../../../machines/hosts/host-names.ts';
import { statusAnnotation } from '../../../machines/ingress/status.ts';
import { adoptAnnotation } from '../../../machines/ownership/adoption.ts';
import type { IngressClassReference, SourceSpec, TlsEntry } from '../../../machines/ownership/source-spec.ts';
import { KubernetesError } from '../../kubernetes/client/kubernetes-error.ts';
import { arrayField, recordField, stringField } from '../../process/json.ts';

export interface IngressProjectionOptions {
  /** The annotation that enables kube-lego: `kubernetes.io/tls-acme`, or `LEGO_KUBE_ANNOTATION`. */
  readonly annotationKey: string;
}

/** The annotation of Kubernetes before 1.18, still read by every controller. */
export const classAnnotation = 'kubernetes.io/ingress.class';

const nothing: readonly never[] = Object.freeze([]);
const noClass: IngressClassReference = Object.freeze({ form: 'none' });

/**
 * Projects a `networking.k8s.io/v1` Ingress. Hosts are converted to lower case without trailing dot, but not validated; a field of the
 * wrong type counts as absent.
 *
 * An Ingress that is being deleted (it may wait for another controller's finalizer) counts as not enabled; if not enabled, only its
 * identity and our status are projected.
 * @throws KubernetesError InvalidResponse if name, namespace or uid is missing
 */
export function projectIngress(object: unknown, options: IngressProjectionOptions): SourceSpec {
  const metadata = recordField(object, 'metadata');
  const annotations = recordField(metadata, 'annotations');
  const [uid, namespace, name] = ['uid', 'namespace', 'name'].map((field) => stringField(metadata, field));
  if (uid === undefined || namespace === undefined || name === undefined) {
    throw new KubernetesError(
      'InvalidResponse',
      'The API server sent an Ingress without uid, namespace or name',
    );
  }
  const identity = { kind: 'Ingress', uid, namespace, name, createdAt: creationTime(metadata) };
  const enabled = isTrue(annotations, options.annotationKey) && metadata?.['deletionTimestamp'] === undefined;
  const status = stringField(annotations, statusAnnotation);
  if (!enabled) return { ...identity, ...absent, ...(status === undefined ? {} : { status }) };
  const spec = recordField(object, 'spec');
  const tls = arrayField(spec, 'tls').map(tlsEntry);
  const known = new Map(tls.flatMap(({ hosts }) => hosts.map((host) => [host, host])));
  return {
    ...identity,
    enabled,
    ingressClass: ingressClassOf(spec, annotations),
    tls,
    // Share the strings of `tls`: with thousands of idle Ingresses every copy counts.
    ruleHosts: ruleHosts(spec).map((host) => known.get(host) ?? host),
    misplacedAdopt: annotations?.[adoptAnnotation] === undefined ? undefined : true,
    retry: stringField(annotations, 'kube-lego.io/retry'),
    keyType: stringField(annotations, 'kube-lego.io/key-type'),
    profile: stringField(annotations, 'kube-lego.io/profile'),
    selfCheck: stringField(annotations, 'kube-lego.io/self-check'),
    certManager: Object.keys(annotations ?? {}).some(isIssuerAnnotation),
    status,
  };
}

const absent = {
  enabled: false,
  ingressClass: noClass,
  tls: nothing,
  ruleHosts: nothing,
  retry: undefined,
  keyType: undefined,
  profile: undefined,
  selfCheck: undefined,
  certManager: false,
} as const;

/** The class, by field or annotation; the field wins, as in the API's documentation. */
function ingressClassOf(
  spec: Record<string, unknown> | undefined,
  annotations: Record<string, unknown> | undefined,
): IngressClassReference {
  const field = stringField(spec, 'ingressClassName');
  if (field !== undefined && field !== '') return { form: 'field', name: field };
  const annotation = stringField(annotations, classAnnotation);
  if (annotation !== undefined && annotation !== '') return { form: 'annotation', name: annotation };
  return noClass;
}

/** The distinct hosts of `spec.rules`; rules without host are skipped. */
export function ruleHosts(spec: Record<string, unknown> | undefined): readonly string[] {
  const hosts = new Set<string>();
  for (const rule of arrayField(spec, 'rules')) {
    const host = stringField(rule, 'host');
    if (host !== undefined && host !== '') hosts.add(normalizeHost(host));
  }
  return hosts.size === 0 ? nothing : [...hosts];
}

function tlsEntry(entry: unknown): TlsEntry {
  const secretName = stringField(entry, 'secretName');
  const hosts = arrayField(entry, 'hosts').filter((host) => typeof host === 'string');
  return { secretName: secretName === '' ? undefined : secretName, hosts: hosts.map(normalizeHost) };
}

/** `cert-manager.io/issuer`, `cert-manager.io/cluster-issuer`, and every annotation of cert-manager before 0.11. */
function isIssuerAnnotation(key: string): boolean {
  return (
    key === 'cert-manager.io/issuer' ||
    key === 'cert-manager.io/cluster-issuer' ||
    key.startsWith('certmanager.k8s.io/')
  );
}

function isTrue(annotations: Record<string, unknown> | undefined, key: string): boolean {
  return stringField(annotations, key)?.trim().toLowerCase() === 'true';
}

/** Milliseconds since the epoch; 0 for an invalid date. */
function creationTime(metadata: Record<string, unknown> | undefined): number {
  const time = Date.parse(stringField(metadata, 'creationTimestamp') ?? '');
  return Number.isNaN(time) ? 0 : time;
}
