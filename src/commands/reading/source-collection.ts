import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { type Collection, ingresses } from '../../kubernetes/client/collections.ts';
import { discoverGatewayApi } from '../../sources/gateway/gateway-discovery.ts';

/** The collection of a kind of sources; undefined if the API server does not serve it. @throws KubernetesError */
export async function collectionOf(
  client: KubernetesClient,
  kind: string,
  signal: AbortSignal,
): Promise<Collection | undefined> {
  if (kind !== 'Gateway' && kind !== 'ListenerSet') return ingresses;
  return (await discoverGatewayApi(client, signal)).get(kind);
}
