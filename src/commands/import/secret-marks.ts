import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { collectionPath, metadataForms, secrets } from '../../kubernetes/client/collections.ts';
import { keyOf } from '../../kubernetes/watch/projections.ts';
import { arrayField, recordField, stringField } from '../../process/json.ts';
import { list } from '../reading/listing.ts';
import { recordedIn, secretMarks, textsIn } from './cert-manager-marks.ts';

export interface SecretMarks {
  /** `namespace/name` of the TLS Secrets that cert-manager knows. */
  readonly marked: ReadonlySet<string>;
  /** Those that are deleted with their Certificate (`--enable-certificate-owner-ref`). */
  readonly owned: ReadonlySet<string>;
  /** Those that an import has taken over. */
  readonly imported: ReadonlySet<string>;
}

/** Of the TLS Secrets, without their contents. @throws KubernetesError also if they may not be listed */
export async function readSecretMarks(
  client: KubernetesClient,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<SecretMarks> {
  const [marked, owned, imported] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const path = collectionPath(secrets, namespace);
  const query = { fieldSelector: 'type=kubernetes.io/tls' };
  const read = (object: unknown): void => {
    const metadata = recordField(object, 'metadata');
    const annotations = textsIn(metadata, 'annotations');
    const key = keyOf(object);
    if (key === undefined) return;
    if (Object.keys(secretMarks(annotations)).length > 0) marked.add(key);
    if (recordedIn(annotations) !== undefined) imported.add(key);
    const owners = arrayField(metadata, 'ownerReferences');
    if (owners.some((owner) => stringField(owner, 'kind') === 'Certificate')) owned.add(key);
  };
  await list(client, path, signal, read, query, metadataForms.list);
  return { marked, owned, imported };
}
