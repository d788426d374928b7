import { sourceKey } from '../ownership/source-key.ts';
import { lets } from './allowed-routes.ts';
import type { GatewayReference, ListenerReading, ParentReference, SiteRoute } from './gateway-objects.ts';

/** Labels of a Namespace. */
type LabelsOf = (namespace: string) => Readonly<Record<string, string>>;

/**
 * Those of the routes that are attached to this listener. A route that names no listener is accepted if one of them lets it in, so that
 * has to be asked of each.
 */
export function attachedTo(
  routes: Iterable<SiteRoute>,
  gateway: GatewayReference,
  listener: ListenerReading,
  labelsOf: LabelsOf,
): Iterable<SiteRoute> {
  return letIn(routes, ({ attached }) => attached, gateway, listener, labelsOf);
}

/** Those that may be attached to this listener soon, or in force there already, though nothing has said so. */
export function expectedAt(
  routes: Iterable<SiteRoute>,
  gateway: GatewayReference,
  listener: ListenerReading,
  labelsOf: LabelsOf,
): Iterable<SiteRoute> {
  return letIn(routes, ({ unaccepted }) => unaccepted, gateway, listener, labelsOf);
}

function* letIn(
  routes: Iterable<SiteRoute>,
  referencesOf: (route: SiteRoute) => readonly ParentReference[],
  gateway: GatewayReference,
  listener: ListenerReading,
  labelsOf: LabelsOf,
): Iterable<SiteRoute> {
  const isMeant = ({ kind, namespace: of, name, sectionName, port }: ParentReference): boolean =>
    kind === gateway.kind &&
    of === gateway.namespace &&
    name === gateway.name &&
    (sectionName === undefined || sectionName === listener.name) &&
    (port === undefined || port === listener.port);
  const { allowedRoutes, allowsHttpRoutes } = listener;
  if (!allowsHttpRoutes) return;
  // Once for a namespace: a selector may have thousands of values, and a namespace thousands of routes.
  const known = new Map<string, boolean>();
  for (const route of routes) {
    if (!referencesOf(route).some(isMeant)) continue;
    const { namespace } = route;
    const isLetIn = known.get(namespace) ?? lets(allowedRoutes, gateway.namespace, namespace, labelsOf);
    known.set(namespace, isLetIn);
    if (isLetIn) yield route;
  }
}

/** Whether both name the same parent in the same way. */
export function isSame(one: ParentReference, other: ParentReference): boolean {
  return (
    sourceKey(one) === sourceKey(other) && one.sectionName === other.sectionName && one.port === other.port
  );
}
