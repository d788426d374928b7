import { readZones, type ZonesDocument } from '../../../machines/zones/zone-document.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { configMaps } from '../../kubernetes/client/collections.ts';
import { unless } from '../../kubernetes/client/kubernetes-error.ts';

/**
 * The operator's zones as the controller reads them.
 * @returns undefined if there is no such ConfigMap.
 * @throws KubernetesError, `Forbidden` among others
 */
export async function readZonesDocument(
  client: Pick<KubernetesClient, 'call'>,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<ZonesDocument | undefined> {
  const found = await unless('NotFound', () =>
    client.call(signal, (api) => api.read(configMaps, { namespace, name })),
  );
  return found === undefined ? undefined : readZones(found.data ?? {});
}
