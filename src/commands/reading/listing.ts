import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { PageSize, readCollection } from '../../kubernetes/watch/collection-list.ts';

/**
 * The objects of a collection.
 *
 * @param read projects an object; thousands of whole ones would need more memory than the pod has
 * @throws KubernetesError
 */
export async function list<T>(
  client: KubernetesClient,
  path: string,
  signal: AbortSignal,
  read: (object: unknown) => T,
  parameters: Readonly<Record<string, string>> = {},
  accept?: string,
): Promise<T[]> {
  const items: T[] = [];
  const query = new URLSearchParams(parameters);
  await readCollection({ client, path, query, accept, pages: new PageSize(), signal }, (object) => {
    items.push(read(object));
  });
  return items;
}
