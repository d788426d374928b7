import { normalizeHost } from '../../../machines/hosts/host-names.ts';
import { statusAnnotation } from '../../../machines/ingress/status.ts';
import { adoptAnnotation } from '../../../machines/ownership/adoption.ts';
import {
  keystoreAnnotation,
  keystorePasswordAnnotation,
  longestPasswordReference,
} from '../../../machines/ownership/keystore.ts';
import {
  type IngressClassReference,
  retryAnnotation,
  type SourceSpec,
} from '../../../machines/ownership/source-spec.ts';
import { challengeAnnotation } from '../../../machines/zones/zone.ts';
import { KubernetesError } from '../../kubernetes/client/kubernetes-error.ts';
import { creationTime } from '../../kubernetes/watch/projections.ts';
import { recordField, stringField } from '../../process/json.ts';
import { hostsOf, nothing } from './ingress-hosts.ts';

export interface IngressProjectionOptions {
  /** The annotation that enables kube-lego: `kubernetes.io/tls-acme`, or `LEGO_KUBE_ANNOTATION`. */
  readonly annotationKey: string;
}

/** The annotation of Kubernetes before 1.18, still read by every controller. */
export const classAnnotation = 'kubernetes.io/ingress.class';

const noClass: IngressClassReference = Object.freeze({ form: 'none' });

/** Characters of a valid value of our annotations, and of the status, which we write ourselves and never as long. */
const longestValue = 64;
const longestStatus = 65_536;
/** RFC 1123 subdomain: names of objects, and of their class. */
const longestName = 253;

/**
 * Projects a `networking.k8s.io/v1` Ingress. Hosts are converted to lower case without trailing dot, but not validated; a field of the
 * wrong type counts as absent. The result is bounded, see `Excess`.
 *
 * An Ingress that is being deleted (it may wait for another controller's finalizer) counts as not enabled and claims nothing.
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
  const status = statusIn(annotations);
  const own = { ...identity, ...absent, ...(status === undefined ? {} : { status }) };
  if (metadata?.['deletionTimestamp'] !== undefined) return own;
  const spec = recordField(object, 'spec');
  const namedClass = ingressClassOf(spec, annotations);
  const isClassTooLong = namedClass.form !== 'none' && namedClass.name.length > longestName;
  const ingressClass = isClassTooLong ? noClass : namedClass;
  const aliases = aliasesIn(annotations);
  const { excess, ...hosts } = hostsOf(spec);
  if (!isTrue(annotations, options.annotationKey)) return { ...own, ingressClass, ...hosts, ...aliases };
  const [retry, keyType, profile, selfCheck, challenge] = inputAnnotations.map((key) =>
    valueWithin(annotations, key),
  );
  const tooLong = inputAnnotations.filter((key) => isTooLong(annotations, key));
  if (isClassTooLong) tooLong.push(classAnnotation);
  const beyond = excess.entries + excess.tlsHosts + excess.ruleHosts + tooLong.length > 0;
  return {
    ...identity,
    enabled: true,
    ingressClass,
    ...hosts,
    ...aliases,
    misplacedAdopt: annotations?.[adoptAnnotation] === undefined ? undefined : true,
    retry,
    keyType,
    profile,
    selfCheck,
    ...keystoreIn(annotations),
    ...(challenge === undefined ? {} : { challenge }),
    certManager: Object.keys(annotations ?? {}).some(isIssuerAnnotation),
    excess: beyond ? { ...excess, annotations: tooLong } : undefined,
    status,
  };
}

const inputAnnotations: readonly string[] = [
  retryAnnotation,
  'kube-lego.io/key-type',
  'kube-lego.io/profile',
  'kube-lego.io/self-check',
  challengeAnnotation,
];

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

/** Of ingress-nginx (comma separated) and haproxy-ingress, in both of its prefixes. */
const aliasAnnotations: readonly string[] = [
  'nginx.ingress.kubernetes.io/server-alias',
  'haproxy-ingress.github.io/server-alias',
  'ingress.kubernetes.io/server-alias',
];
const longestAliases = 4096;
const mostAliases = 100;
const wwwRedirect = 'nginx.ingress.kubernetes.io/from-to-www-redirect';

/** Patterns are left out: whom they match is the controller's business. */
function aliasesIn(
  annotations: Record<string, unknown> | undefined,
): Pick<SourceSpec, 'aliases' | 'redirectsWww'> {
  const texts = aliasAnnotations.flatMap((key) => stringField(annotations, key) ?? []);
  const names = texts.flatMap((text) => (text.length > longestAliases ? [] : text.split(/[\s,]+/)));
  const hosts = names.filter((name) => /^[a-z0-9][a-z0-9.-]{0,252}$/i.test(name)).map(normalizeHost);
  const aliases = [...new Set(hosts)].slice(0, mostAliases);
  return {
    ...(aliases.length === 0 ? {} : { aliases }),
    ...(isTrue(annotations, wwwRedirect) ? { redirectsWww: true } : {}),
  };
}

function statusIn(annotations: Record<string, unknown> | undefined): string | undefined {
  const status = stringField(annotations, statusAnnotation);
  return status !== undefined && status.length > longestStatus ? '' : status;
}

function valueWithin(annotations: Record<string, unknown> | undefined, key: string): string | undefined {
  return isTooLong(annotations, key) ? undefined : stringField(annotations, key);
}

/** A value that is too long for a valid one counts as an empty one. */
function keystoreIn(annotations: Record<string, unknown> | undefined): Pick<SourceSpec, 'keystore'> {
  const [type, password] = [keystoreAnnotation, keystorePasswordAnnotation].map((key) => {
    const value = stringField(annotations, key);
    return value !== undefined && value.length > longestPasswordReference ? '' : value;
  });
  return type === undefined && password === undefined ? {} : { keystore: { type, password } };
}

function isTooLong(annotations: Record<string, unknown> | undefined, key: string): boolean {
  return (stringField(annotations, key) ?? '').length > longestValue;
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
