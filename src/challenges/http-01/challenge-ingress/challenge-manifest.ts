import { challengePath } from '../../../../machines/hosts/challenge-path.ts';
import { normalizeHost } from '../../../../machines/hosts/host-names.ts';
import { anyHost, wildcardAbove } from '../../../../machines/ownership/claim.ts';
import type { IngressClassReference } from '../../../../machines/ownership/source-spec.ts';
import type { Ingress } from '../../../kubernetes/client/api-objects.ts';
import { KubernetesError } from '../../../kubernetes/client/kubernetes-error.ts';
import { managedByLabel } from '../../../kubernetes/records/managed-by.ts';
import { creationTime } from '../../../kubernetes/watch/projections.ts';
import { arrayField, recordField, stringField, stringsOf } from '../../../process/json.ts';
import { classAnnotation } from '../../../sources/ingress/ingress-projection.ts';
import {
  hostsAnnotation,
  isSpecific,
  listedHosts,
  listedThumbprint,
  thumbprintAnnotation,
  validatedAnnotations,
} from '../validated-hosts.ts';

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
  /** Our fields as one comparable string: spec, in the order of the API server, and our labels and annotations. */
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
  const annotations: Record<string, string> = {
    ...present?.annotations,
    ...ownAnnotations(template),
    ...validatedAnnotations(rules.keys(), thumbprint),
  };
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
  const annotations = stringsOf(recordField(metadata, 'annotations'));
  const labels = stringsOf(recordField(metadata, 'labels'));
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
    // The rules of a challenge Ingress from before the annotation name the hosts.
    hosts: new Set(listedHosts(annotations) ?? [...ruleHosts].filter(isSpecific)),
    thumbprint: listedThumbprint(annotations),
    ruleHosts,
    fingerprint: JSON.stringify([spec ?? null, ours]),
    labels,
    annotations,
    finalizers: arrayField(metadata, 'finalizers').filter((value) => typeof value === 'string'),
  };
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

function readClass(field: string | undefined, annotation: string | undefined): IngressClassReference {
  if (field !== undefined && field !== '') return { form: 'field', name: field };
  if (annotation !== undefined && annotation !== '') return { form: 'annotation', name: annotation };
  return { form: 'none' };
}
