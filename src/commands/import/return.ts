// `kube-lego import cert-manager --revert`: the writes of an import backwards. kube-lego lets the Ingress go, the Secret gets cert-manager's
// marks back, and then the Ingress: so cert-manager finds its own Secret when it makes the Certificate again, and orders nothing.

import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { collectionPath, ingresses, secrets } from '../../kubernetes/client/collections.ts';
import { KubernetesError } from '../../kubernetes/client/kubernetes-error.ts';
import { SecretStore } from '../../kubernetes/records/secret-store.ts';
import { arrayField, recordField, stringField } from '../../process/json.ts';
import { directoryAnnotation } from '../../secret/secret-reading.ts';
import type { Request } from '../command-line.ts';
import type { CommandOptions } from '../command-options.ts';
import { list } from '../reading/listing.ts';
import type { CommandSettings } from '../reading/secret-standing.ts';
import { jsonText, printable } from '../terminal-text.ts';
import { recordedIn, returnedIngress, returnedSecret, textsIn } from './cert-manager-marks.ts';
import { HandOver } from './hand-over.ts';

interface Returning {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly secretNames: readonly string[];
}

interface ReturnReport {
  readonly ingress: string;
  readonly state: 'ready' | 'returned' | 'failed';
  /** Secrets whose certificate kube-lego has ordered since. */
  readonly renewed: readonly string[];
  readonly why?: string;
}

/** @returns the exit code: 0 all can be, or is, returned; 1 something failed */
export async function returnToCertManager(
  client: KubernetesClient,
  { annotationKey }: CommandSettings,
  { namespace, output, apply }: Extract<Request, { kind: 'import' }>,
  { print, signal }: CommandOptions,
): Promise<number> {
  const path = collectionPath(ingresses, namespace);
  const read = (object: unknown) => returningIn(object, annotationKey);
  const imported = (await list(client, path, signal, read)).filter((found) => found !== undefined);
  const store = new SecretStore(client);
  const writes = new HandOver(client, annotationKey, signal);
  const reports: ReturnReport[] = [];
  for (const found of imported) reports.push(await returnOne(found));
  print(output === 'json' ? jsonText({ applied: apply, ingresses: reports }) : textOf(reports, apply));
  return reports.some(({ state }) => state === 'failed') ? 1 : 0;

  async function returnOne(found: Returning): Promise<ReturnReport> {
    const ingress = `${found.namespace}/${found.name}`;
    const renewed: string[] = [];
    try {
      if (apply) await writes.change(ingresses, found, { annotations: { [annotationKey]: null } });
      for (const name of found.secretNames) {
        const stored = await store.read(found.namespace, name, signal);
        if (stored === undefined || recordedIn(stored.annotations) === undefined) continue;
        if (stored.annotations[directoryAnnotation] !== undefined) renewed.push(name);
        const { uid, resourceVersion, annotations, labels } = stored;
        const version = { namespace: found.namespace, name, uid, resourceVersion };
        if (apply) await writes.change(secrets, version, returnedSecret(annotations, labels));
      }
      if (apply) await writes.change(ingresses, found, returnedIngress(found.annotations, annotationKey));
      return { ingress, state: apply ? 'returned' : 'ready', renewed };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubernetesError)) throw error;
      return { ingress, state: 'failed', renewed, why: error.words };
    }
  }
}

function returningIn(object: unknown, annotationKey: string): Returning | undefined {
  const metadata = recordField(object, 'metadata');
  const annotations = textsIn(metadata, 'annotations');
  if (recordedIn(annotations, annotationKey) === undefined) return undefined;
  const [namespace = '', name = '', uid = ''] = ['namespace', 'name', 'uid'].map((field) =>
    stringField(metadata, field),
  );
  const secretNames = arrayField(recordField(object, 'spec'), 'tls').flatMap(
    (entry) => stringField(entry, 'secretName') ?? [],
  );
  return { namespace, name, uid, annotations, secretNames: [...new Set(secretNames)] };
}

function textOf(reports: readonly ReturnReport[], applied: boolean): string {
  if (reports.length === 0) return 'No Ingress here was imported from cert-manager.';
  const lines = reports.map(({ ingress, state, renewed, why }) => {
    const since =
      renewed.length === 0
        ? ''
        : `kube-lego has renewed ${renewed.join(', ')} since: cert-manager orders another certificate if it wants another type of key.`;
    return printable(`${ingress}  ${state}  ${why ?? since}`.trimEnd());
  });
  return applied ? lines.join('\n') : [...lines, '', 'Nothing is changed without --apply.'].join('\n');
}
