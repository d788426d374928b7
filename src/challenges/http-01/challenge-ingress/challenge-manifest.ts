import { challengePath } from '../../../../machines/hosts/challenge-path.ts';
import { normalizeHost } from '../../../../machines/hosts/host-names.ts';
import { anyHost, wildcardAbove } from '../../../../machines/ownership/claim.ts';
import type { IngressClassReference } from '../../../../machines/ownership/source-spec.ts';
import type { Ingress } from '../../../kubernetes/client/api-objects.ts';
import { KubernetesError } from '../../../kubernetes/client/kubernetes-error.ts';
import { managedByLabel } from '../../../kubernetes/records/managed-by.ts';
import { creationTime } from '../../../kubernetes/watch/projections.ts';
import { arrayField, isRecord, recordField, stringField } from '../../../process/json.ts';
import { classAnnotation } from '../../../sources/ingress/ingress-projection.ts';

/** The common part of all challenge Ingresses of this controller. */
export interface ChallengeTemplate {
  readonly namespace: string;
  /** The Service of the responder, in the same namespace. */
  readonly serviceName: string;
  readonly servicePort: number;
  /** `LEGO_OBJECT_LABELS` and `LEGO_CHALLENGE_INGRESS_LABELS`. */
  readonly labels: Readonly<Record<string, string>>;
  /** `LEGO_OBJECT_ANNOTATIONS` and `LEGO_CHALLENGE_INGRESS_ANNOTATIONS`; they win over `challengeAnnotations`. */
  readonly annotations: Readonly<Record<string, string>>;
  /** `ImplementationSpecific` is a prefix for the common controllers; some versions of ingress-nginx refuse a dot in the others. */
  readonly pathType: (ingressClass: IngressClassReference) => 'ImplementationSpecific' | 'Prefix';
}

/**
 * Challenges use plain HTTP, from any address (RFC 8555, section 8.3). These annotations switch off redirects and source
 * allow-lists for our path, for each controller with such an annotation per Ingress:
 *
 * - `nginx.ingress.kubernetes.io/*`: the community's ingress-nginx (its docs, "Annotations": ssl-redirect,
 *   force-ssl-redirect, whitelist-source-range); cert-manager sets the last one on its challenge Ingresses too.
 * - `ingress.kubernetes.io/ssl-redirect`: haproxy-ingress (run: exempts the challenge path itself unless told otherwise)
 *   and Contour (`ingress.kubernetes.io/force-ssl-redirect`, off unless set).
 * - `haproxy.org/ssl-redirect`: HAProxy Technologies' controller (its docs, annotation `ssl-redirect`).
 * - `ingress.cilium.io/force-https`: Cilium (its docs, "Supported Ingress Annotations").
 *
 * Traefik redirects by entry point or middleware and has no such switch on an Ingress; Let's Encrypt follows its redirect.
 */
const challengeAnnotations: Readonly<Record<string, string>> = Object.freeze({
  'nginx.ingress.kubernetes.io/ssl-redirect': 'false',
  'nginx.ingress.kubernetes.io/force-ssl-redirect': 'false',
  'nginx.ingress.kubernetes.io/whitelist-source-range': '0.0.0.0/0,::/0',
  'ingress.kubernetes.io/ssl-redirect': 'false',
  'ingress.kubernetes.io/force-ssl-redirect': 'false',
  'haproxy.org/ssl-redirect': 'false',
  'ingress.cilium.io/force-https': 'disabled',
});

/**
 * The hosts that are validated, separated by commas. The rules do not tell them: a rule is spelt as the site's own that serves the
 * host, which may be a wildcard's, or one without host.
 */
const hostsAnnotation = 'kube-lego.io/challenge-hosts';

/**
 * RFC 7638 thumbprint of the account key, which is no secret. With the hosts it is all that the responder of any replica needs, and
 * both change in one write.
 */
const thumbprintAnnotation = 'kube-lego.io/challenge-thumbprint';

/** A SHA-256 hash in base64url. */
const thumbprintForm = /^[A-Za-z0-9_-]{43}$/;

/** Hosts of one challenge Ingress: with 253 characters each, half of what the API server allows for all annotations. */
export const mostHosts = 500;

/** A challenge Ingress of the API server, reduced to the compared fields and those that an update must send back. */
export interface ObservedChallenge {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly ingressClass: IngressClassReference;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** The hosts that are validated. */
  readonly hosts: ReadonlySet<string>;
  /** With which the responder answers for them; undefined if there is none that could be one. */
  readonly thumbprint: string | undefined;
  /** Hosts of its rules; empty: a rule without host. */
  readonly ruleHosts: ReadonlySet<string>;
  /** Our fields as one comparable string: spec, and our labels and annotations. */
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
}

/** What is validated at an Ingress. */
export interface Validated {
  /**
   * `host` of the rule by host that is validated; at least one: the API server refuses an Ingress without rules, and we want none with a
   * default backend.
   */
  readonly rules: ReadonlyMap<string, string>;
  /** RFC 7638 thumbprint of the account key, base64url. */
  readonly thumbprint: string | undefined;
}

/** The object to write. Labels, annotations and finalizers of others are kept. */
export function challengeManifest(
  template: ChallengeTemplate,
  name: string,
  ingressClass: IngressClassReference,
  { rules, thumbprint }: Validated,
  present?: ObservedChallenge,
): Ingress {
  const pathType = template.pathType(ingressClass);
  const service = { name: template.serviceName, port: { number: template.servicePort } };
  const path = { path: challengePath, pathType, backend: { service } };
  const annotations: Record<string, string> = { ...present?.annotations, ...ownAnnotations(template) };
  annotations[hostsAnnotation] = [...rules.keys()].toSorted().join(',');
  if (thumbprint !== undefined) annotations[thumbprintAnnotation] = thumbprint;
  if (ingressClass.form === 'annotation') annotations[classAnnotation] = ingressClass.name;
  const className = classNameToWrite(ingressClass, present);
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      namespace: template.namespace,
      name,
      labels: { ...present?.labels, ...ownLabels(template) },
      annotations,
      ...(present === undefined ? {} : { resourceVersion: present.resourceVersion, uid: present.uid }),
      ...(present === undefined || present.finalizers.length === 0
        ? {}
        : { finalizers: [...present.finalizers] }),
    },
    spec: {
      ...(className === undefined ? {} : { ingressClassName: className }),
      rules: [...new Set(rules.values())].toSorted().map((host) => ({
        ...(host === '' ? {} : { host }),
        http: { paths: [path] },
      })),
    },
  };
}

/** An admission plugin sets the cluster's default class on an Ingress without class; keep it. */
function classNameToWrite(
  ingressClass: IngressClassReference,
  present?: ObservedChallenge,
): string | undefined {
  if (ingressClass.form === 'field') return ingressClass.name;
  if (ingressClass.form === 'none' && present?.ingressClass.form === 'field')
    return present.ingressClass.name;
  return undefined;
}

function ownLabels({ labels }: ChallengeTemplate): Record<string, string> {
  return { ...labels, [managedByLabel.key]: managedByLabel.value };
}

function ownAnnotations(template: ChallengeTemplate): Record<string, string> {
  return { ...challengeAnnotations, ...template.annotations };
}

/**
 * Reads a challenge Ingress of the API server.
 * @throws KubernetesError InvalidResponse if it has no name, uid or resourceVersion
 */
export function observeChallenge(object: unknown, template: ChallengeTemplate): ObservedChallenge {
  const metadata = recordField(object, 'metadata');
  const spec = recordField(object, 'spec');
  const [name, uid, resourceVersion] = ['name', 'uid', 'resourceVersion'].map((field) =>
    stringField(metadata, field),
  );
  if (name === undefined || uid === undefined || resourceVersion === undefined) {
    throw new KubernetesError(
      'InvalidResponse',
      'The API server sent an Ingress without name, uid or resourceVersion',
    );
  }
  const annotations = strings(recordField(metadata, 'annotations'));
  const labels = strings(recordField(metadata, 'labels'));
  const className = stringField(spec, 'ingressClassName');
  const ours = [
    ...[...Object.keys(ownAnnotations(template)), classAnnotation, hostsAnnotation, thumbprintAnnotation].map(
      (key) => annotations[key] ?? null,
    ),
    ...Object.keys(ownLabels(template)).map((key) => labels[key] ?? null),
  ];
  const ruleHosts = new Set(
    arrayField(spec, 'rules').map((rule) => normalizeHost(stringField(rule, 'host') ?? '')),
  );
  return {
    name,
    uid,
    resourceVersion,
    createdAt: creationTime(metadata),
    ingressClass: readClass(className, annotations[classAnnotation]),
    hosts: new Set(listedHosts(annotations[hostsAnnotation]) ?? [...ruleHosts].filter(isHost)),
    thumbprint: thumbprintForm.exec(annotations[thumbprintAnnotation] ?? '')?.[0],
    ruleHosts,
    fingerprint: canonical([spec ?? null, ours]),
    labels,
    annotations,
    finalizers: arrayField(metadata, 'finalizers').filter((value) => typeof value === 'string'),
  };
}

/** @returns undefined for a challenge Ingress of a kube-lego before this annotation: its rules name the hosts */
function listedHosts(annotation: string | undefined): string[] | undefined {
  return annotation?.split(',', mostHosts).map(normalizeHost).filter(isHost);
}

function isHost(text: string): boolean {
  return text !== '' && !text.includes('*');
}

/** `host` of the rule that routes this host; undefined if none does. */
export function ruleHostOf(host: string, ruleHosts: ReadonlySet<string>): string | undefined {
  return [host, wildcardAbove(host), anyHost].find((ruleHost) => ruleHosts.has(ruleHost));
}

/** The Ingress of the kube-lego of 2016. */
const pathOf2016 = challengePath.slice(0, -1);

/** Whether an Ingress has challenge rules only, so is nobody's site. */
export function servesChallengesOnly(object: unknown): boolean {
  const spec = recordField(object, 'spec');
  if (recordField(spec, 'defaultBackend') !== undefined) return false;
  const paths = arrayField(spec, 'rules').map((rule) => arrayField(recordField(rule, 'http'), 'paths'));
  return (
    paths.length > 0 &&
    paths.every((ofRule) => ofRule.length > 0) &&
    paths.flat().every((path) => [challengePath, pathOf2016].includes(stringField(path, 'path') ?? ''))
  );
}

/**
 * Whether version `a` was certainly written before `b`. Since Kubernetes 1.35 resourceVersions are comparable as numbers; any other
 * is not older.
 */
export function isOlder(a: string, b: string): boolean {
  const number = /^\d+$/;
  return number.test(a) && number.test(b) && BigInt(a) < BigInt(b);
}

function readClass(field: string | undefined, annotation: string | undefined): IngressClassReference {
  if (field !== undefined && field !== '') return { form: 'field', name: field };
  if (annotation !== undefined && annotation !== '') return { form: 'annotation', name: annotation };
  return { form: 'none' };
}

function strings(record: Record<string, unknown> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** JSON with sorted keys: typed models and the API server order them differently. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (!isRecord(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
