import { normalizeHost } from '../../../machines/hosts/host-names.ts';
import { SharedValues } from '../../../machines/ownership/shared-values.ts';
import type { IngressClassReference, SourceSpec } from '../../../machines/ownership/source-spec.ts';
import { KubernetesError } from '../../kubernetes/client/kubernetes-error.ts';
import { creationTime } from '../../kubernetes/watch/projections.ts';
import { recordField, stringField } from '../../process/json.ts';
import { isTrue, noSettings, settingsIn, statusIn } from '../source-annotations.ts';
import { hostsOf, nothing } from './ingress-hosts.ts';

export interface IngressProjectionOptions {
  /** The annotation that enables kube-lego: `kubernetes.io/tls-acme`, or `LEGO_KUBE_ANNOTATION`. */
  readonly annotationKey: string;
}

/** The annotation of Kubernetes before 1.18, still read by every controller. */
export const classAnnotation = 'kubernetes.io/ingress.class';

export type ClassReferences = SharedValues<IngressClassReference>;

const noClass: IngressClassReference = Object.freeze({ form: 'none' });

/** RFC 1123 subdomain: names of objects, and of their class. */
const longestName = 253;

/**
 * Projects a `networking.k8s.io/v1` Ingress. Hosts are converted to lower case without trailing dot, but not validated; a field of the
 * wrong type counts as absent. The result is bounded, see `Excess`.
 *
 * An Ingress that is being deleted (it may wait for another controller's finalizer) counts as not enabled and claims nothing.
 * @param classes of those that are kept
 * @throws KubernetesError InvalidResponse if name, namespace or uid is missing
 */
export function projectIngress(
  object: unknown,
  options: IngressProjectionOptions,
  classes: ClassReferences = new SharedValues(),
): SourceSpec {
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
  const ingressClass = isClassTooLong ? noClass : sharedClass(namedClass, classes);
  const aliases = aliasesIn(annotations);
  const { excess, ...hosts } = hostsOf(spec);
  if (!isTrue(annotations, options.annotationKey)) return { ...own, ingressClass, ...hosts, ...aliases };
  const { settings, tooLong } = settingsIn(annotations);
  if (isClassTooLong) tooLong.push(classAnnotation);
  const beyond = excess.entries + excess.tlsHosts + excess.ruleHosts + tooLong.length > 0;
  return {
    ...identity,
    enabled: true,
    ingressClass,
    ...hosts,
    ...aliases,
    ...settings,
    excess: beyond ? { ...excess, annotations: tooLong } : undefined,
    status,
  };
}

const absent = {
  enabled: false,
  ingressClass: noClass,
  tls: nothing,
  ruleHosts: nothing,
  ...noSettings,
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

function sharedClass(named: IngressClassReference, classes: ClassReferences): IngressClassReference {
  return named.form === 'none' ? named : classes.of(`${named.form} ${named.name}`, () => named);
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
