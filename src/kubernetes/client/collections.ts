const groups = { ingresses: '/apis/networking.k8s.io/v1', secrets: '/api/v1' } as const;

/** The API path of the collection, in one namespace or in all. */
export function collectionPath(resource: keyof typeof groups, namespace?: string): string {
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${groups[resource]}${scope}/${resource}`;
}

/** Accept headers for metadata only (Kubernetes API concepts, "Alternate representations"). */
export const metadataForms = {
  list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  watch: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
} as const;
