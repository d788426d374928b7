import type {
  GatewayReading,
  ListenerReading,
  ParentReference,
  SiteRoute,
} from '../../../machines/gateway/gateway-objects.ts';

/** Of all Gateways and ListenerSets here. */
export const gatewayNamespace = 'infra';

function listener(
  name: string,
  protocol: string,
  port: number,
  change: Partial<ListenerReading>,
): ListenerReading {
  return {
    name,
    port,
    protocol,
    certificateRefs: [],
    allowedRoutes: { from: 'All' },
    allowsHttpRoutes: true,
    accepted: true,
    conflicted: false,
    ...change,
  };
}

export function http(name: string, change: Partial<ListenerReading> = {}): ListenerReading {
  return listener(name, 'HTTP', 80, change);
}

export function https(name: string, change: Partial<ListenerReading> = {}): ListenerReading {
  return listener(name, 'HTTPS', 443, { tlsMode: 'Terminate', ...change });
}

function reading(
  reference: Pick<GatewayReading, 'kind' | 'name' | 'parent'>,
  listeners: readonly ListenerReading[],
): GatewayReading {
  return {
    ...reference,
    namespace: gatewayNamespace,
    uid: `uid-of-${reference.name}`,
    createdAt: 0,
    generation: 1,
    settings: {
      enabled: true,
      retry: undefined,
      keyType: undefined,
      profile: undefined,
      selfCheck: undefined,
      certManager: false,
    },
    wildcards: false,
    allowedListeners: { from: 'All' },
    listeners,
  };
}

export function gateway(name: string, ...listeners: readonly ListenerReading[]): GatewayReading {
  return reading({ kind: 'Gateway', name }, listeners);
}

export function listenerSet(
  name: string,
  { namespace, name: of }: GatewayReading,
  ...listeners: readonly ListenerReading[]
): GatewayReading {
  return reading({ kind: 'ListenerSet', name, parent: { namespace, name: of } }, listeners);
}

/** A route that the parent has let in. */
export function route(
  name: string,
  parent: GatewayReading,
  hostnames: readonly string[],
  at: Pick<ParentReference, 'sectionName' | 'port'> = {},
): SiteRoute {
  const parentRef = { kind: parent.kind, namespace: parent.namespace, name: parent.name, ...at };
  return {
    ours: false,
    namespace: 'shop',
    name,
    createdAt: 0,
    hostnames,
    attached: [parentRef],
    unaccepted: [],
  };
}

/** The route, when nobody has said yet that it is let in. */
export function unaccepted(route: SiteRoute): SiteRoute {
  return { ...route, attached: [], unaccepted: route.attached };
}
