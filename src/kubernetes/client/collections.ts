import type {
  AnyObject,
  ApiEvent,
  ConfigMap,
  Endpoints,
  Ingress,
  Lease,
  Secret,
  Service,
} from './api-objects.ts';

/** Objects of one kind at the API server. */
export interface Collection<T = unknown> {
  /** GROUP/VERSION; VERSION alone in the core group. */
  readonly apiVersion: string;
  /** As paths have it, such as `ingresses`. */
  readonly resource: string;
  /** Only a type: that of its objects. */
  readonly object?: T;
}

export const ingresses: Collection<Ingress> = { apiVersion: 'networking.k8s.io/v1', resource: 'ingresses' };
export const ingressClasses: Collection = {
  apiVersion: 'networking.k8s.io/v1',
  resource: 'ingressclasses',
};
export const namespaces: Collection = { apiVersion: 'v1', resource: 'namespaces' };
export const configMaps: Collection<ConfigMap> = { apiVersion: 'v1', resource: 'configmaps' };
export const secrets: Collection<Secret> = { apiVersion: 'v1', resource: 'secrets' };
export const services: Collection<Service> = { apiVersion: 'v1', resource: 'services' };
export const endpoints: Collection<Endpoints> = { apiVersion: 'v1', resource: 'endpoints' };
export const events: Collection<ApiEvent> = { apiVersion: 'v1', resource: 'events' };
export const leases: Collection<Lease> = { apiVersion: 'coordination.k8s.io/v1', resource: 'leases' };
/** Of external-dns. */
export const dnsEndpoints: Collection<AnyObject> = {
  apiVersion: 'externaldns.k8s.io/v1alpha1',
  resource: 'dnsendpoints',
};

/** The API path of the collection, in one namespace or in all. */
export function collectionPath({ apiVersion, resource }: Collection, namespace?: string): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${group}${scope}/${resource}`;
}

export function objectPath(collection: Collection, namespace: string, name: string): string {
  return `${collectionPath(collection, namespace)}/${encodeURIComponent(name)}`;
}

/** Accept headers for metadata only (Kubernetes API concepts, "Alternate representations"). */
export const metadataForms = {
  list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  watch: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  /** Whoever does not know it answers with the whole object. */
  written: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json',
} as const;
