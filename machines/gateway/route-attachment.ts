import { sourceKey } from '../ownership/source-key.ts';
import { lets } from './allowed-routes.ts';
import type { GatewayReference, ListenerReading, ParentReference, SiteRoute } from './gateway-objects.ts';

/** Labels of a Namespace. */
type LabelsOf = (namespace: string) => Readonly<Record<string, string>>;

/**
 * Whether the route is attached to this listener. A route that names no listener is accepted if one of them lets it in, so that has to
 * be asked of each.
 */
export function isAttachedTo(
  { namespace, attached }: SiteRoute,
  gateway: GatewayReference,
  listener: ListenerReading,
  labelsOf: LabelsOf,
): boolean {
  return isLetIn(namespace, attached, gateway, listener, labelsOf);
}

/** Whether the route may be attached to this listener soon, or in force there already, though nothing has said so. */
export function mayAttachTo(
  { namespace, unaccepted }: SiteRoute,
  gateway: GatewayReference,
  listener: ListenerReading,
  labelsOf: LabelsOf,
): boolean {
  return isLetIn(namespace, unaccepted, gateway, listener, labelsOf);
}

function isLetIn(
  namespace: string,
  references: readonly ParentReference[],
  gateway: GatewayReference,
  listener: ListenerReading,
  labelsOf: LabelsOf,
): boolean {
  const isMeant = ({ kind, namespace: of, name, sectionName, port }: ParentReference): boolean =>
    kind === gateway.kind &&
    of === gateway.namespace &&
    name === gateway.name &&
    (sectionName === undefined || sectionName === listener.name) &&
    (port === undefined || port === listener.port);
  const { allowedRoutes, allowsHttpRoutes } = listener;
  return (
    allowsHttpRoutes &&
    lets(allowedRoutes, gateway.namespace, namespace, labelsOf) &&
    references.some(isMeant)
  );
}

/** Whether both name the same parent in the same way. */
export function isSame(one: ParentReference, other: ParentReference): boolean {
  return (
    sourceKey(one) === sourceKey(other) && one.sectionName === other.sectionName && one.port === other.port
  );
}
