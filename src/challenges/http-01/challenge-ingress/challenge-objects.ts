import { second } from '../../../../machines/time/durations.ts';
import type { KubernetesClient } from '../../../kubernetes/client/client.ts';
import { collectionPath, ingresses } from '../../../kubernetes/client/collections.ts';
import { managedByLabel, ourSelector } from '../../../kubernetes/records/managed-by.ts';
import { readJson } from '../../../kubernetes/watch/watch-stream.ts';
import { arrayField, recordField, stringField } from '../../../process/json.ts';
import {
  type ChallengeTemplate,
  type ObservedChallenge,
  observeChallenge,
  servesChallengesOnly,
} from './challenge-manifest.ts';

const longestList = 64 * 1024 * 1024;

/** The challenge Ingresses in the API server, read by list only: no further verb is needed. */
export class ChallengeObjects {
  readonly path: string;
  readonly #client: Pick<KubernetesClient, 'stream'>;
  readonly #template: ChallengeTemplate;
  readonly #isKnown: (observed: ObservedChallenge) => boolean;

  /** @param isKnown whether this object was a challenge Ingress before, even if edited since */
  constructor(
    client: Pick<KubernetesClient, 'stream'>,
    template: ChallengeTemplate,
    isKnown: (observed: ObservedChallenge) => boolean,
  ) {
    this.#client = client;
    this.#template = template;
    this.#isKnown = isKnown;
    this.path = collectionPath(ingresses, template.namespace);
  }

  /**
   * Reads a challenge Ingress. The label alone is not enough: an operator may put it on a site.
   * @returns undefined for a foreign object
   * @throws KubernetesError InvalidResponse if it has no name, uid or resourceVersion
   */
  observe(object: unknown): ObservedChallenge | undefined {
    const observed = observeChallenge(object, this.#template);
    if (observed.labels[managedByLabel.key] !== managedByLabel.value) return undefined;
    return servesChallengesOnly(object) || this.#isKnown(observed) ? observed : undefined;
  }

  async all(signal: AbortSignal): Promise<ObservedChallenge[]> {
    const objects = await this.#list({ labelSelector: ourSelector }, signal);
    return objects.map((object) => this.observe(object)).filter((observed) => observed !== undefined);
  }

  /** Whether an Ingress of this name exists, and its content if it is ours. */
  async find(
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly exists: boolean; readonly mine: ObservedChallenge | undefined }> {
    const object = await this.#named(name, signal);
    return object === undefined
      ? { exists: false, mine: undefined }
      : { exists: true, mine: this.observe(object) };
  }

  /** The Ingress of 2016 has the same hosts and path as ours and no label; nobody else removes it. */
  async removeLeftoverOf2016(
    client: Pick<KubernetesClient, 'call'>,
    name: string,
    signal: AbortSignal,
  ): Promise<void> {
    const object = await this.#named(name, signal);
    const metadata = recordField(object, 'metadata');
    const uid = stringField(metadata, 'uid');
    const label = stringField(recordField(metadata, 'labels'), managedByLabel.key);
    if (uid === undefined || label !== undefined || !servesChallengesOnly(object)) return;
    const { namespace } = this.#template;
    await client.call(signal, (api) => api.delete(ingresses, { namespace, name }, { uid }));
  }

  async #named(name: string, signal: AbortSignal): Promise<unknown> {
    const [object] = await this.#list({ fieldSelector: `metadata.name=${name}` }, signal);
    return object;
  }

  async #list(query: Record<string, string>, signal: AbortSignal): Promise<readonly unknown[]> {
    const { body } = await this.#client.stream(this.path, new URLSearchParams(query), {
      signal,
      bodyTimeout: 15 * second,
    });
    return arrayField(await readJson(body, longestList), 'items');
  }
}
