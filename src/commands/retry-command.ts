import { retryAnnotation } from '../../machines/ownership/source-spec.ts';
import type { KubernetesClient } from '../kubernetes/client/client.ts';
import { ingresses, objectPath } from '../kubernetes/client/collections.ts';
import { isForbidden, unless } from '../kubernetes/client/kubernetes-error.ts';
import type { Request } from './command-line.ts';
import type { CommandOptions } from './command-options.ts';
import { isoTime } from './explain/explanation.ts';
import { jsonText, printable } from './terminal-text.ts';

/** `kube-lego retry`: asks for another attempt at once. @returns the exit code */
export async function retryIngress(
  client: KubernetesClient,
  { namespace, name, output }: Extract<Request, { kind: 'retry' }>,
  { clock, print, complain, signal }: CommandOptions,
): Promise<number> {
  const value = isoTime(clock.now());
  const body = { metadata: { annotations: { [retryAnnotation]: value } } };
  try {
    const path = objectPath(ingresses, namespace, name);
    const done = await unless('NotFound', async () => {
      await client.mergePatch(path, body, 'kube-lego-retry', signal);
      return true;
    });
    if (done === undefined) {
      complain(printable(`There is no Ingress ${namespace}/${name}.`));
      return 1;
    }
  } catch (error) {
    if (!isForbidden(error)) throw error;
    complain(printable(error instanceof Error ? error.message : ''));
    return 1;
  }
  const words =
    'Another attempt is asked for. Where kube-lego manages the Ingress it is made within seconds, at most three times an hour, and never ' +
    `before a time that the CA has given. What comes of it: kube-lego explain ${printable(`${namespace}/${name}`)}`;
  print(output === 'json' ? jsonText({ ingress: `${namespace}/${name}`, retry: value }) : words);
  return 0;
}
