import { sourceKey } from '../ownership/source-key.ts';
import { lets } from './allowed-routes.ts';
import type { GatewayReading, ListenerReading, ParentReference, SiteRoute } from './gateway-objects.ts';

/**
 * Whether the route is attached to this listener. A route that names no listener is accepted if one of them lets it in, so that has to
 * be asked of each.
 *
 * @param labelsOf labels of a Namespace
 */
export function isAttachedTo(
  { namespace, attached }: SiteRoute,
  gateway: Pick<GatewayReading, 'kind' | 'namespace' | 'name'>,
  listener: ListenerReading,
  labelsOf: (namespace: string) => Readonly<Record<string, string>>,
): boolean {
  const isMeant = ({ kind, namespace: of, name, sectionName, port }: ParentReference): boolean =>
    kind === gateway.kind &&
    of === gateway.namespace &&
    name === gateway.name &&
    (sectionName === undefined || sectionName === listener.name) &&
    (port === undefined || port === listener.port);
  if (!listener.allowsHttpRoutes || !attached.some(isMeant)) return false;
  return lets(listener.allowedRoutes, gateway.namespace, namespace, labelsOf);
}

/** Whether both name the same parent in the same way. */
export function isSame(one: ParentReference, other: ParentReference): boolean {
  return (
    sourceKey(one) === sourceKey(other) && one.sectionName === other.sectionName && one.port === other.port
  );
}
