import { arrayField, recordField, stringField } from '../json.ts';
import {
  type ChallengeTemplate,
  isLeftoverOf2016,
  type ObservedChallenge,
  observeChallenge,
} from './challenge-manifest.ts';
import type { KubernetesClient } from './client.ts';
import { managedByLabel } from './secret-store.ts';
import { readJson } from './watch-stream.ts';

/** Selects what kube-lego made. */
export const ourSelector = `${managedByLabel.key}=${managedByLabel.value}`;

const longestList = 64 * 1024 * 1024;

/** The challenge Ingresses in the API server, read by list alone, so that no further verb is needed. */
export class ChallengeObjects {
  readonly path: string;
  readonly #client: Pick<KubernetesClient, 'call' | 'stream'>;
  readonly #template: ChallengeTemplate;

  constructor(client: Pick<KubernetesClient, 'call' | 'stream'>, template: ChallengeTemplate) {
    this.#client = client;
    this.#template = template;
    this.path = `/apis/networking.k8s.io/v1/namespaces/${template.namespace}/ingresses`;
  }

  async all(signal: AbortSignal): Promise<ObservedChallenge[]> {
    const objects = await this.#list({ labelSelector: ourSelector }, signal);
    return objects.map((object) => observeChallenge(object, this.#template));
  }

  /** Whether there is an Ingress of this name, and what it looks like if it is ours. */
  async find(
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly exists: boolean; readonly mine: ObservedChallenge | undefined }> {
    const [object] = await this.#list({ fieldSelector: `metadata.name=${name}` }, signal);
    if (object === undefined) return { exists: false, mine: undefined };
    const observed = observeChallenge(object, this.#template);
    const mine = observed.labels[managedByLabel.key] === managedByLabel.value;
    return { exists: true, mine: mine ? observed : undefined };
  }

  /** The Ingress of 2016 holds the same hosts and path as ours do, and nobody else takes it away. */
  async removeLeftoverOf2016(name: string, signal: AbortSignal): Promise<void> {
    const [object] = await this.#list({ fieldSelector: `metadata.name=${name}` }, signal);
    const uid = stringField(recordField(object, 'metadata'), 'uid');
    if (uid === undefined || !isLeftoverOf2016(object)) return;
    const { namespace } = this.#template;
    await this.#client.call(signal, ({ networking }) =>
      networking.deleteNamespacedIngress({ namespace, name, body: { preconditions: { uid } } }),
    );
  }

  async #list(query: Record<string, string>, signal: AbortSignal): Promise<readonly unknown[]> {
    const { body } = await this.#client.stream(this.path, new URLSearchParams(query), {
      signal,
      bodyTimeout: 15_000,
    });
    return arrayField(await readJson(body, longestList), 'items');
  }
}
