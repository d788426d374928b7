import { arrayField, isRecord, recordField, stringField } from '../../../../src/process/json.ts';

/** What the edge takes from the objects of Gateway API. As with the others, a field of the wrong type is treated as absent. */

export const gatewayGroup = 'gateway.networking.k8s.io';
export const experimentalGroup = 'gateway.networking.x-k8s.io';

/** What every object has that gets a status. */
export interface Stated {
  readonly generation: number;
  /** as it is in the API server */
  readonly status: unknown;
}

export interface Identity extends Stated {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** milliseconds since the epoch; the API server counts whole seconds */
  readonly createdAt: number;
}

export interface GatewayClassObject extends Stated {
  readonly controllerName: string;
}

export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values: readonly string[];
  }[];
}

/** Which namespaces may attach something. */
export interface Admission {
  readonly from: string;
  readonly selector: LabelSelector;
}

export interface ObjectRef {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface ListenerSpec {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly hostname: string | undefined;
  readonly passthrough: boolean;
  readonly certificateRefs: readonly ObjectRef[];
  readonly routes: Admission;
  /** `Group/Kind`; undefined: all that the protocol has */
  readonly routeKinds: readonly string[] | undefined;
}

export interface GatewayObject extends Identity {
  readonly className: string;
  readonly listenerSets: Admission;
  readonly listeners: readonly ListenerSpec[];
}

export interface ListenerSetObject extends Identity {
  readonly kind: 'ListenerSet' | 'XListenerSet';
  /** 'namespace/name' of its Gateway */
  readonly parent: string;
  readonly listeners: readonly ListenerSpec[];
}

export interface ParentRef extends ObjectRef {
  readonly sectionName: string | undefined;
  readonly port: number | undefined;
  /** as the route has it: a status names it so */
  readonly written: unknown;
}

export interface RouteBackend {
  readonly ref: ObjectRef;
  readonly port: number | undefined;
  readonly weight: number;
}

export interface RouteRule {
  readonly matches: readonly { readonly type: 'Exact' | 'PathPrefix'; readonly path: string }[];
  readonly backends: readonly RouteBackend[];
  /** status of a redirect to https */
  readonly redirect: number | undefined;
}

export interface RouteObject extends Identity {
  readonly hostnames: readonly string[];
  readonly parentRefs: readonly ParentRef[];
  readonly rules: readonly RouteRule[];
  /** what it says that the edge cannot do; empty: nothing */
  readonly unsupported: readonly string[];
}

export interface GrantObject {
  readonly namespace: string;
  readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
  readonly to: readonly {
    readonly group: string;
    readonly kind: string;
    readonly name: string | undefined;
  }[];
}

export interface NamespaceObject {
  readonly labels: Readonly<Record<string, string>>;
}

interface ObjectsByKind {
  readonly gatewayclass: GatewayClassObject;
  readonly gateway: GatewayObject;
  readonly listenerset: ListenerSetObject;
  readonly httproute: RouteObject;
  readonly grant: GrantObject;
  readonly namespace: NamespaceObject;
}

export type GatewayKind = keyof ObjectsByKind;

/** A change of one object; the key is 'namespace/name', the name of a cluster-scoped one, or 'Kind/namespace/name' of a ListenerSet. */
export type GatewayChange = {
  readonly [Kind in GatewayKind]: {
    readonly kind: Kind;
    readonly key: string;
    readonly object: ObjectsByKind[Kind] | undefined;
  };
}[GatewayKind];

export function projectGatewayClass(object: unknown): GatewayClassObject {
  return {
    ...stated(object),
    controllerName: stringField(recordField(object, 'spec'), 'controllerName') ?? '',
  };
}

export function projectGateway(object: unknown): GatewayObject {
  const spec = recordField(object, 'spec');
  const identified = identity(object);
  return {
    ...identified,
    className: stringField(spec, 'gatewayClassName') ?? '',
    listenerSets: admission(recordField(recordField(spec, 'allowedListeners'), 'namespaces'), 'None'),
    listeners: arrayField(spec, 'listeners').map((listener) => listenerSpec(listener, identified.namespace)),
  };
}

export function projectListenerSet(object: unknown, kind: ListenerSetObject['kind']): ListenerSetObject {
  const spec = recordField(object, 'spec');
  const identified = identity(object);
  const { namespace, name } = objectRef(recordField(spec, 'parentRef'), identified.namespace, 'Gateway');
  return {
    ...identified,
    kind,
    parent: `${namespace}/${name}`,
    listeners: arrayField(spec, 'listeners').map((listener) => listenerSpec(listener, identified.namespace)),
  };
}

export function projectRoute(object: unknown): RouteObject {
  const spec = recordField(object, 'spec');
  const identified = identity(object);
  const unsupported = new Set<string>();
  return {
    ...identified,
    hostnames: strings(arrayField(spec, 'hostnames')),
    parentRefs: arrayField(spec, 'parentRefs').map((ref) => ({
      ...objectRef(ref, identified.namespace, 'Gateway', gatewayGroup),
      sectionName: stringField(ref, 'sectionName'),
      port: numberField(ref, 'port'),
      written: ref,
    })),
    rules: arrayField(spec, 'rules').map((rule) => routeRule(rule, identified.namespace, unsupported)),
    unsupported: [...unsupported],
  };
}

export function projectGrant(object: unknown): GrantObject {
  const spec = recordField(object, 'spec');
  return {
    namespace: stringField(recordField(object, 'metadata'), 'namespace') ?? '',
    from: arrayField(spec, 'from').map((from) => objectRef(from, '', '')),
    to: arrayField(spec, 'to').map((to) => ({
      group: stringField(to, 'group') ?? '',
      kind: stringField(to, 'kind') ?? '',
      name: stringField(to, 'name'),
    })),
  };
}

export function projectNamespace(object: unknown): NamespaceObject {
  return { labels: labels(recordField(recordField(object, 'metadata'), 'labels')) };
}

function stated(object: unknown): Stated {
  const metadata = recordField(object, 'metadata');
  return {
    generation: numberField(metadata, 'generation') ?? 0,
    status: recordField(object, 'status'),
  };
}

function identity(object: unknown): Identity {
  const metadata = recordField(object, 'metadata');
  return {
    ...stated(object),
    namespace: stringField(metadata, 'namespace') ?? '',
    name: stringField(metadata, 'name') ?? '',
    uid: stringField(metadata, 'uid') ?? '',
    createdAt: Date.parse(stringField(metadata, 'creationTimestamp') ?? '') || 0,
  };
}

function listenerSpec(listener: unknown, namespace: string): ListenerSpec {
  const tls = recordField(listener, 'tls');
  const allowed = recordField(listener, 'allowedRoutes');
  const hostname = stringField(listener, 'hostname');
  const kinds = arrayField(allowed, 'kinds').map(
    (kind) => `${stringField(kind, 'group') ?? gatewayGroup}/${stringField(kind, 'kind') ?? ''}`,
  );
  return {
    name: stringField(listener, 'name') ?? '',
    port: numberField(listener, 'port') ?? 0,
    protocol: stringField(listener, 'protocol') ?? '',
    hostname: hostname === '' ? undefined : hostname,
    passthrough: stringField(tls, 'mode') === 'Passthrough',
    certificateRefs: arrayField(tls, 'certificateRefs').map((ref) => objectRef(ref, namespace, 'Secret')),
    routes: admission(recordField(allowed, 'namespaces'), 'Same'),
    routeKinds: kinds.length === 0 ? undefined : kinds,
  };
}

function routeRule(rule: unknown, namespace: string, unsupported: Set<string>): RouteRule {
  const matches = arrayField(rule, 'matches').map((match) => {
    for (const part of ['headers', 'queryParams', 'method'] as const) {
      if (isRecord(match) && match[part] !== undefined) unsupported.add(`matches.${part}`);
    }
    const path = recordField(match, 'path');
    const type = stringField(path, 'type') ?? 'PathPrefix';
    if (type !== 'Exact' && type !== 'PathPrefix') unsupported.add(`path.type ${type}`);
    return {
      type: type === 'Exact' ? ('Exact' as const) : ('PathPrefix' as const),
      path: stringField(path, 'value') ?? '/',
    };
  });
  return {
    matches: matches.length === 0 ? [{ type: 'PathPrefix', path: '/' }] : matches,
    redirect: redirectOf(arrayField(rule, 'filters'), unsupported),
    backends: arrayField(rule, 'backendRefs').map((ref) => ({
      ref: objectRef(ref, namespace, 'Service'),
      port: numberField(ref, 'port'),
      weight: numberField(ref, 'weight') ?? 1,
    })),
  };
}

function redirectOf(filters: readonly unknown[], unsupported: Set<string>): number | undefined {
  let status: number | undefined;
  for (const filter of filters) {
    const redirect = recordField(filter, 'requestRedirect');
    if (redirect !== undefined && stringField(redirect, 'scheme') === 'https') {
      status = numberField(redirect, 'statusCode') ?? 302;
    } else {
      unsupported.add(`filter ${stringField(filter, 'type') ?? ''}`);
    }
  }
  return status;
}

function objectRef(ref: unknown, namespace: string, kind: string, group = ''): ObjectRef {
  return {
    group: stringField(ref, 'group') ?? group,
    kind: stringField(ref, 'kind') ?? kind,
    namespace: stringField(ref, 'namespace') ?? namespace,
    name: stringField(ref, 'name') ?? '',
  };
}

function admission(namespaces: unknown, byDefault: string): Admission {
  const selector = recordField(namespaces, 'selector');
  return {
    from: stringField(namespaces, 'from') ?? byDefault,
    selector: {
      matchLabels: labels(recordField(selector, 'matchLabels')),
      matchExpressions: arrayField(selector, 'matchExpressions').map((expression) => ({
        key: stringField(expression, 'key') ?? '',
        operator: stringField(expression, 'operator') ?? '',
        values: strings(arrayField(expression, 'values')),
      })),
    },
  };
}

function labels(value: unknown): Record<string, string> {
  const entries = Object.entries(recordOf(value)).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(entries);
}

function recordOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function strings(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === 'string');
}

function numberField(object: unknown, field: string): number | undefined {
  const value = isRecord(object) ? object[field] : undefined;
  return typeof value === 'number' ? value : undefined;
}
