import { sourceKey, sourceName } from '../../machines/ownership/source-key.ts';
import { retryAnnotation } from '../../machines/ownership/source-spec.ts';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import { objectPath } from '../kubernetes/client/collections.ts';
import { isForbidden, unless } from '../kubernetes/client/kubernetes-error.ts';
import type { Request } from './command-line.ts';
import type { CommandOptions } from './command-options.ts';
import { isoTime } from './explain/explanation.ts';
import { collectionOf } from './reading/source-collection.ts';
import { jsonText, printable } from './terminal-text.ts';

/** `kube-lego retry`: asks for another attempt at once. @returns the exit code */
export async function retrySource(
  client: KubernetesClient,
  { source, output }: Extract<Request, { kind: 'retry' }>,
  { clock, print, complain, signal }: CommandOptions,
): Promise<number> {
  const { kind, namespace, name } = source;
  const value = isoTime(clock.now());
  const body = { metadata: { annotations: { [retryAnnotation]: value } } };
  try {
    const collection = await collectionOf(client, kind, signal);
    const done = await unless('NotFound', async () => {
      if (collection === undefined) return undefined;
      await client.mergePatch(objectPath(collection, namespace, name), body, 'kube-lego-retry', signal);
      return true;
    });
    if (done === undefined) {
      complain(printable(`There is no ${kind} ${namespace}/${name}.`));
      return 1;
    }
  } catch (error) {
    if (!isForbidden(error)) throw error;
    complain(printable(error instanceof Error ? error.message : ''));
    return 1;
  }
  const argument = kind === 'Ingress' ? `${namespace}/${name}` : `${kind.toLowerCase()} ${namespace}/${name}`;
  const words =
    'Another attempt is asked for. Where kube-lego manages the object it is made within seconds, at most three times an hour, and never ' +
    `before a time that the CA has given. What comes of it: kube-lego explain ${printable(argument)}`;
  print(output === 'json' ? jsonText({ ingress: sourceName(sourceKey(source)), retry: value }) : words);
  return 0;
}
