import {
  type ChallengeRoute,
  isRouteName,
  namePrefix,
  type PlannedRoute,
} from '../../../../machines/gateway/challenge-route-plan.ts';
import type { ListenerReference } from '../../../../machines/gateway/challenge-routes.ts';
import { challengePath } from '../../../../machines/hosts/challenge-path.ts';
import type { Collection } from '../../../kubernetes/client/collections.ts';
import { KubernetesError } from '../../../kubernetes/client/kubernetes-error.ts';
import { managedByLabel } from '../../../kubernetes/records/managed-by.ts';
import type { ObjectMetadata } from '../../../kubernetes/records/object-metadata.ts';
import {
  arrayField,
  canonicalJson,
  isRecord,
  recordField,
  stringField,
  stringsOf,
} from '../../../process/json.ts';
import type { ChallengeAnswer } from '../answered-hosts.ts';
import {
  hostsAnnotation,
  listedHosts,
  listedThumbprint,
  thumbprintAnnotation,
  validatedAnnotations,
} from '../validated-hosts.ts';

/** Namespace of the kube-lego that wrote the object: two of them may have routes in the namespace of one Gateway. */
export const ownerLabel = 'kube-lego.io/challenge-of';

const routeGroup = 'gateway.networking.k8s.io';

/** Where Gateway API objects are read and written, as far as the API server serves them. */
export interface GatewayCollections {
  servedCollection(kind: 'HTTPRoute' | 'ReferenceGrant' | 'ListenerSet'): Collection | undefined;
}

/** The common part of all challenge routes of this controller. */
export interface ChallengeRouteTemplate extends ObjectMetadata {
  /** Of kube-lego. */
  readonly namespace: string;
  /** The Service of the responder, in the same namespace. */
  readonly serviceName: string;
  readonly servicePort: number;
}

export type ChallengeObjectKind = 'HTTPRoute' | 'ReferenceGrant';

interface ObjectName {
  readonly kind: ChallengeObjectKind;
  readonly namespace: string;
  readonly name: string;
}

export function challengeObjectKey({ kind, namespace, name }: ObjectName): string {
  return `${kind}/${namespace}/${name}`;
}

/** What a challenge object should be. */
export interface WantedObject extends ObjectName {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: object;
  /** Listeners and hostnames; undefined for a ReferenceGrant. */
  readonly route: ChallengeRoute | undefined;
  /** All but the parts that may have more than is wanted for a moment, as one comparable string. */
  readonly fixed: string;
  /** Listeners, hostnames and hosts. */
  readonly parts: ReadonlySet<string>;
}

/** An HTTPRoute or ReferenceGrant of ours at the API server. */
export interface ObservedObject extends ObjectName, ChallengeAnswer {
  readonly uid: string;
  readonly hosts: ReadonlySet<string>;
  readonly fixed: string;
  readonly parts: ReadonlySet<string>;
  /** Listeners and hostnames; undefined for a ReferenceGrant. */
  readonly route: ChallengeRoute | undefined;
  readonly deleting: boolean;
}

/** The route, which leads challenges to the Service of the responder. */
export function wantedRoute(
  template: ChallengeRouteTemplate,
  plan: PlannedRoute,
  thumbprint: string | undefined,
  listenerSets: Collection | undefined,
): WantedObject {
  const parentRefs = plan.listeners.map(({ kind, namespace, name, sectionName }) => ({
    ...(kind === 'Gateway' ? { group: routeGroup, kind } : listenerSetKind(listenerSets)),
    namespace,
    name,
    sectionName,
  }));
  const { serviceName, servicePort } = template;
  const backend = { group: '', kind: 'Service', namespace: template.namespace, name: serviceName };
  const rule = {
    matches: [{ path: { type: 'PathPrefix', value: challengePath } }],
    backendRefs: [{ ...backend, port: servicePort, weight: 1 }],
  };
  const { namespace, name, hostnames, hosts } = plan;
  const spec = {
    parentRefs,
    // Null: removed from an object that has some.
    hostnames: hostnames.length === 0 ? null : hostnames,
    rules: [rule],
  };
  return {
    ...wanted(template, { kind: 'HTTPRoute', namespace, name }, spec, hosts, thumbprint),
    route: plan,
  };
}

/** Lets routes of the namespace lead to the responder, and tells its hosts to it: what a tenant can write there tells it nothing. */
export function wantedGrant(
  template: ChallengeRouteTemplate,
  namespace: string,
  hosts: readonly string[],
  thumbprint: string | undefined,
): WantedObject {
  const spec = {
    from: [{ group: routeGroup, kind: 'HTTPRoute', namespace }],
    to: [{ group: '', kind: 'Service', name: template.serviceName }],
  };
  const grant = {
    kind: 'ReferenceGrant',
    namespace: template.namespace,
    name: `${namePrefix}${namespace}`,
  } as const;
  return wanted(template, grant, spec, hosts, thumbprint);
}

function wanted(
  template: ChallengeRouteTemplate,
  object: ObjectName,
  spec: object,
  hosts: readonly string[],
  thumbprint: string | undefined,
): WantedObject {
  const labels = ownLabels(template);
  const annotations = { ...template.annotations, ...validatedAnnotations(hosts, thumbprint) };
  return {
    ...object,
    route: undefined,
    labels,
    annotations,
    spec,
    ...comparable(template, spec, labels, annotations),
  };
}

/** The body of a create, or of a merge patch, which leaves what others have added to the metadata. */
export function bodyOf(
  { kind, namespace, name, labels, annotations, spec }: WantedObject,
  { apiVersion }: Collection,
  uid?: string,
): object {
  const metadata = { namespace, name, labels, annotations, ...(uid === undefined ? {} : { uid }) };
  return { apiVersion, kind, metadata, spec };
}

/**
 * Reads an object of ours.
 *
 * @returns undefined for another's
 * @throws KubernetesError InvalidResponse if it has no name, uid or resourceVersion
 */
export function observeChallengeObject(
  kind: ChallengeObjectKind,
  object: unknown,
  template: ChallengeRouteTemplate,
): ObservedObject | undefined {
  const metadata = recordField(object, 'metadata');
  const [namespace, name, uid, resourceVersion] = ['namespace', 'name', 'uid', 'resourceVersion'].map(
    (field) => stringField(metadata, field),
  );
  if (namespace === undefined || name === undefined || uid === undefined || resourceVersion === undefined) {
    const message = `The API server sent a ${kind} without namespace, name, uid or resourceVersion`;
    throw new KubernetesError('InvalidResponse', message);
  }
  const labels = stringsOf(recordField(metadata, 'labels'));
  if (labels[managedByLabel.key] !== managedByLabel.value) return undefined;
  // A tenant may put our labels on any number of its routes.
  if (labels[ownerLabel] !== template.namespace) return undefined;
  if (kind === 'HTTPRoute' && !isRouteName(name)) return undefined;
  const annotations = stringsOf(recordField(metadata, 'annotations'));
  const spec = recordField(object, 'spec') ?? {};
  const listeners = arrayField(spec, 'parentRefs').flatMap((one) => listenerOf(one, namespace));
  const hostnames = arrayField(spec, 'hostnames').filter((one) => typeof one === 'string');
  return {
    kind,
    namespace,
    name,
    uid,
    resourceVersion,
    hosts: new Set(listedHosts(annotations) ?? []),
    thumbprint: listedThumbprint(annotations),
    ...comparable(template, spec, labels, annotations),
    route: kind === 'HTTPRoute' ? { namespace, name, listeners, hostnames } : undefined,
    deleting: stringField(metadata, 'deletionTimestamp') !== undefined,
  };
}

function comparable(
  template: ChallengeRouteTemplate,
  spec: object,
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>>,
): Pick<WantedObject, 'fixed' | 'parts'> {
  const { parentRefs, hostnames, ...rest } = { parentRefs: [], hostnames: null, ...spec };
  const named: unknown[] = Array.isArray(hostnames) ? hostnames : [];
  const ours = [
    ...Object.keys(ownLabels(template)).map((key) => labels[key] ?? null),
    ...[...Object.keys(template.annotations), thumbprintAnnotation].map((key) => annotations[key] ?? null),
  ];
  const parts = [
    ...(Array.isArray(parentRefs) ? parentRefs : []),
    ...named,
    ...(annotations[hostsAnnotation] ?? '')
      .split(',')
      .filter((host) => host !== '')
      .map((host) => ({ host })),
  ];
  return {
    fixed: canonicalJson([rest, named.length === 0, ours]),
    parts: new Set(parts.map(canonicalJson)),
  };
}

/** A part that nobody but us writes has a sectionName. */
function listenerOf(reference: unknown, own: string): ListenerReference[] {
  const kind = stringField(reference, 'kind') === 'Gateway' ? 'Gateway' : 'ListenerSet';
  const [name, sectionName] = ['name', 'sectionName'].map((field) => stringField(reference, field));
  if (!isRecord(reference) || name === undefined || sectionName === undefined) return [];
  return [{ kind, namespace: stringField(reference, 'namespace') ?? own, name, sectionName }];
}

/** ListenerSets of before Gateway API 1.5 are XListenerSets, in a group of their own. */
function listenerSetKind(collection: Collection | undefined): { group: string; kind: string } {
  const group = collection?.apiVersion.split('/')[0] ?? routeGroup;
  return { group, kind: group === routeGroup ? 'ListenerSet' : 'XListenerSet' };
}

function ownLabels({ labels, namespace }: ChallengeRouteTemplate): Record<string, string> {
  return { ...labels, [managedByLabel.key]: managedByLabel.value, [ownerLabel]: namespace };
}
