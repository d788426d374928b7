import { second } from '../../../machines/time/durations.ts';
import { createKubernetesClient } from '../../kubernetes/client/client.ts';
import { collectionPath, metadataForms } from '../../kubernetes/client/collections.ts';
import { loadKubeConfig } from '../../kubernetes/client/kube-config.ts';
import { keyOf } from '../../kubernetes/watch/projections.ts';
import { list } from '../reading/listing.ts';
import { collectionOf } from '../reading/source-collection.ts';

/** Milliseconds that somebody waits who has pressed a key. */
const completionLimit = 2 * second;

/** `namespace/name` of the sources of a kind, by the current kubeconfig; none if they may not be listed. */
export async function listSourceNames(kind: string): Promise<string[]> {
  const signal = AbortSignal.timeout(completionLimit);
  try {
    const client = createKubernetesClient(loadKubeConfig());
    try {
      const collection = await collectionOf(client, kind, signal);
      if (collection === undefined) return [];
      const keys = await list(client, collectionPath(collection), signal, keyOf, {}, metadataForms.list);
      return keys.filter((key) => key !== undefined);
    } finally {
      await client.close();
    }
  } catch {
    // Nobody wants an error in place of a completion.
    return [];
  }
}
