import type {
  GatewayReading,
  GrantReading,
  RouteReading,
} from '../../../machines/gateway/gateway-objects.ts';

/** What is known of the Gateway API objects of the cluster, kept by watches. */
export interface GatewayCache {
  /** The API server serves Gateways and HTTPRoutes, and both have been listed. */
  readonly served: boolean;
  /** Gateways and ListenerSets. */
  gateways(): Iterable<GatewayReading>;
  /** HTTPRoutes. */
  routes(): Iterable<RouteReading>;
  /** ReferenceGrants. */
  grants(): Iterable<GrantReading>;
  /** Labels of a Namespace; empty if it is not known. */
  namespaceLabels(namespace: string): Readonly<Record<string, string>>;
  /** Called after each change of what the above return. @returns ends it */
  onChange(listener: () => void): () => void;
}
