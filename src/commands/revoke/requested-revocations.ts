import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { unless } from '../../kubernetes/client/kubernetes-error.ts';
import { SecretEntries } from '../../kubernetes/records/secret-entries.ts';
import { type RevocationEntry, readRevocation } from '../../revocation/revocation-entry.ts';
import { progressText } from './progress-text.ts';

/** The requested revocations; undefined if they may not be read, as by an app team. @throws KubernetesError */
export async function readRevocations(
  client: KubernetesClient,
  namespace: string,
  signal: AbortSignal,
): Promise<RevocationEntry[] | undefined> {
  const entries = new SecretEntries(client, namespace, 'revocations');
  const texts = await unless('Forbidden', async () => (await entries.read(signal)) ?? new Map());
  return texts && [...texts].flatMap(([id, text]) => readRevocation(id, text) ?? []);
}

/** What was requested before for the certificate with this serial number, when it was in this Secret. */
export function requestedBefore(
  entries: Iterable<RevocationEntry>,
  wanted: Pick<RevocationEntry, 'namespace' | 'secretName' | 'serial'>,
): RevocationEntry | undefined {
  for (const entry of entries) {
    const { namespace, secretName, serial } = entry;
    const isOfSecret = namespace === wanted.namespace && secretName === wanted.secretName;
    if (isOfSecret && serial === wanted.serial) return entry;
  }
  return undefined;
}

/** One revocation as a line. */
export function revocationLine(entry: RevocationEntry): string {
  const { namespace, secretName, serial } = entry;
  return `Certificate ${serial} of Secret ${namespace}/${secretName}: ${progressText(entry)}`;
}
