import {
  type GatewayChange,
  projectGateway,
  projectGatewayClass,
  projectGrant,
  projectListenerSet,
  projectNamespace,
  projectRoute,
} from '../../deploy/local/edge/gateway/gateway-kinds.ts';

/** Builders of the objects of Gateway API, as the API's JSON and as changes of what an edge watches. */

const group = 'gateway.networking.k8s.io';

export interface ListenerDraft {
  readonly name: string;
  readonly port?: number;
  readonly protocol?: string;
  readonly hostname?: string;
  readonly tls?: unknown;
  readonly allowedRoutes?: unknown;
}

export interface RouteDraft {
  readonly hostnames?: readonly string[];
  readonly parentRefs: readonly Record<string, unknown>[];
  readonly rules: readonly unknown[];
}

interface Head {
  readonly createdAt?: string;
  readonly generation?: number;
  readonly status?: unknown;
}

/** An HTTP listener for every host, unless told otherwise. */
export function listener(draft: ListenerDraft): unknown {
  return { port: 80, protocol: 'HTTP', ...draft };
}

/** An HTTPS listener with one Secret. */
export function httpsListener(secret: string, draft: ListenerDraft): unknown {
  return listener({ port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: secret }] }, ...draft });
}

export const fromAll = { namespaces: { from: 'All' } };

/** A rule of one path prefix, for a Service `name:port`, in the route's namespace unless it is given. */
export function rule(backend: string, path = '/', namespace?: string): unknown {
  const [name, port] = backend.split(':');
  return {
    matches: [{ path: { type: 'PathPrefix', value: path } }],
    backendRefs: [{ name, namespace, port: Number(port) }],
  };
}

/** A manifest of a kind of gateway.networking.k8s.io/v1, unless told otherwise. */
export function manifest(
  kind: string,
  key: string,
  spec: Record<string, unknown>,
  apiVersion = `${group}/v1`,
): { apiVersion: string; kind: string; metadata: { namespace: string; name: string }; spec: unknown } {
  const [namespace = '', name = ''] = key.split('/');
  return { apiVersion, kind, metadata: { namespace, name }, spec };
}

export function gatewayClass(name: string, controllerName: string): GatewayChange {
  return { kind: 'gatewayclass', key: name, object: projectGatewayClass({ spec: { controllerName } }) };
}

export function gateway(
  key: string,
  listeners: readonly unknown[],
  rest: Record<string, unknown> = {},
): GatewayChange {
  const object = projectGateway(withHead(key, { gatewayClassName: 'edge', listeners, ...rest }));
  return { kind: 'gateway', key, object };
}

/** @param parent 'namespace/name' of its Gateway */
export function listenerSet(
  key: string,
  parent: string,
  listeners: readonly unknown[],
  head: Head = {},
): GatewayChange {
  const [namespace, name] = parent.split('/');
  const object = withHead(key, { parentRef: { namespace, name }, listeners }, head);
  return {
    kind: 'listenerset',
    key: `ListenerSet/${key}`,
    object: projectListenerSet(object, 'ListenerSet'),
  };
}

export function route(key: string, draft: RouteDraft, head: Head = {}): GatewayChange {
  return { kind: 'httproute', key, object: projectRoute(withHead(key, { ...draft }, head)) };
}

export function noRoute(key: string): GatewayChange {
  return { kind: 'httproute', key, object: undefined };
}

/** From HTTPRoutes or Gateways of a namespace to all Services or Secrets of another. */
export function grant(
  key: string,
  from: { readonly kind: string; readonly namespace: string },
  to: { readonly kind: string; readonly name?: string },
): GatewayChange {
  const spec = { from: [{ group, ...from }], to: [{ group: '', ...to }] };
  return { kind: 'grant', key, object: projectGrant(withHead(key, spec)) };
}

export function namespace(name: string, labels: Readonly<Record<string, string>>): GatewayChange {
  return { kind: 'namespace', key: name, object: projectNamespace({ metadata: { labels } }) };
}

function withHead(key: string, spec: Record<string, unknown>, head: Head = {}): unknown {
  const [namespaceName, name] = key.split('/');
  return {
    metadata: {
      namespace: namespaceName,
      name,
      uid: key,
      creationTimestamp: head.createdAt ?? '2026-01-01T00:00:00Z',
      generation: head.generation ?? 1,
    },
    spec,
    status: head.status,
  };
}
