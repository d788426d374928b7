import { normalizeHost } from '../../../../machines/hosts/host-names.ts';
import { second } from '../../../../machines/time/durations.ts';
import type { KubernetesClient } from '../../../kubernetes/client/client.ts';
import { type Collection, collectionPath } from '../../../kubernetes/client/collections.ts';
import { KubernetesError } from '../../../kubernetes/client/kubernetes-error.ts';
import { ourSelector } from '../../../kubernetes/records/managed-by.ts';
import { EndingWatches } from '../../../kubernetes/watch/ending-watches.ts';
import { Reflector } from '../../../kubernetes/watch/reflector.ts';
import { readJson } from '../../../kubernetes/watch/watch-stream.ts';
import { arrayField } from '../../../process/json.ts';
import type { Clock } from '../../../time/clock.ts';
import { type AnsweredHosts, type ChallengeAnswer, newestAnswer } from '../answered-hosts.ts';
import { NotedObjects } from '../noted-objects.ts';
import { Refresh } from '../refresh.ts';
import {
  type ChallengeObjectKind,
  type ChallengeRouteTemplate,
  challengeObjectKey,
  type GatewayCollections,
  type ObservedObject,
  observeChallengeObject,
  ownerLabel,
} from './challenge-route-manifest.ts';

export interface ChallengeRouteWatchOptions {
  readonly client: Pick<KubernetesClient, 'stream'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly template: ChallengeRouteTemplate;
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  readonly gateways: GatewayCollections & { onChange(listener: () => void): () => void };
  /** Errors that are retried. */
  readonly onError: (error: unknown) => void;
}

interface Watched {
  readonly kind: ChallengeObjectKind;
  readonly collection: Collection;
  readonly reflectors: readonly Reflector<ObservedObject>[];
  readonly end: AbortController;
}

const longestList = 64 * 1024 * 1024;
const bodyTimeout = 15 * second;
const kinds: readonly ChallengeObjectKind[] = ['HTTPRoute', 'ReferenceGrant'];

/**
 * The challenge routes and their ReferenceGrants as they are in the API server, for as long as it serves them. What the responder
 * answers is told by those of kube-lego's own namespace alone.
 */
export class ChallengeRouteWatch implements AnsweredHosts {
  readonly #options: ChallengeRouteWatchOptions;
  readonly #noted: NotedObjects<ObservedObject>;
  readonly #refresh: Refresh;
  readonly #watched = new Map<ChallengeObjectKind, Watched>();
  readonly #ending = new EndingWatches();
  #observer: (() => void) | undefined;

  constructor(options: ChallengeRouteWatchOptions) {
    const { clock, signal } = options;
    this.#options = options;
    this.#noted = new NotedObjects(clock);
    this.#refresh = new Refresh(clock, signal, second, () => this.#readOwn());
  }

  start(): void {
    const { gateways, signal } = this.#options;
    const leave = gateways.onChange(() => this.#follow());
    signal.addEventListener('abort', leave, { once: true });
    this.#follow();
  }

  /** Resolves when all watches have ended after the abort of the signal. */
  async stopped(): Promise<void> {
    await this.#ending.stopped([...this.#watched.values()].flatMap(({ reflectors }) => reflectors));
  }

  /** All that are there are known; false while the API server serves no HTTPRoutes. */
  get synced(): boolean {
    const served = [...this.#watched.values()];
    const all = served.every(({ reflectors }) => reflectors.every(({ state }) => state.synced));
    return this.#watched.has('HTTPRoute') && all;
  }

  answerFor(host: string): ChallengeAnswer | undefined {
    const normal = normalizeHost(host);
    const { namespace } = this.#options.template;
    return newestAnswer(
      this.objects(namespace).filter(({ hosts, deleting }) => hosts.has(normal) && !deleting),
    );
  }

  refresh(): Promise<void> {
    return this.#watched.size === 0 ? Promise.resolve() : this.#refresh.run();
  }

  /**
   * Each object once, as of its newest known version.
   *
   * @param of a namespace: asked at each request to the responder, and a tenant can make any number that look like ours
   */
  objects(of?: string): ObservedObject[] {
    const isMeant = ({ namespace }: ObservedObject): boolean => of === undefined || namespace === of;
    const all = [...this.#watched.values()].flatMap(({ reflectors }) => reflectors);
    const watching = all.every(({ state }) => state.watching);
    const watched = all
      .flatMap((reflector) => Array.from(reflector.entries(), ([, one]) => one))
      .filter(isMeant)
      .map((one): [string, ObservedObject] => [challengeObjectKey(one), one]);
    return [...this.#noted.newest(watched, watching)].filter(isMeant);
  }

  /** Told of each change until the signal is aborted, in place of an earlier one. */
  follow(observer: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#observer = observer;
    const leave = (): void => {
      if (this.#observer === observer) this.#observer = undefined;
    };
    signal.addEventListener('abort', leave, { once: true });
  }

  /** It was written by this process. */
  note(observed: ObservedObject): void {
    this.#noted.note(challengeObjectKey(observed), observed);
    this.#observer?.();
  }

  /** Starts and ends the watches as the kinds are served. */
  #follow(): void {
    const { gateways, signal } = this.#options;
    if (signal.aborted) return;
    for (const kind of kinds) {
      const collection = gateways.servedCollection(kind);
      const watched = this.#watched.get(kind);
      if (collection?.apiVersion === watched?.collection.apiVersion) continue;
      if (watched !== undefined) this.#end(watched);
      if (collection !== undefined) this.#begin(kind, collection);
    }
  }

  #begin(kind: ChallengeObjectKind, collection: Collection): void {
    const { signal } = this.#options;
    const end = new AbortController();
    const until = AbortSignal.any([signal, end.signal]);
    const reflectors = this.#namespacesOf(kind).map((namespace) =>
      this.#reflector(kind, collection, namespace, until),
    );
    this.#watched.set(kind, { kind, collection, reflectors, end });
    for (const reflector of reflectors) reflector.start();
  }

  #end({ kind, reflectors, end }: Watched): void {
    end.abort();
    this.#watched.delete(kind);
    this.#noted.clear();
    this.#ending.add(reflectors);
    this.#observer?.();
  }

  #reflector(
    kind: ChallengeObjectKind,
    collection: Collection,
    namespace: string | undefined,
    signal: AbortSignal,
  ): Reflector<ObservedObject> {
    const { client, clock, onError, template } = this.#options;
    const changed = (): void => this.#observer?.();
    return new Reflector<ObservedObject>({
      client,
      clock,
      signal,
      path: collectionPath(collection, namespace),
      labelSelector: this.#selector,
      project: (object) => observeChallengeObject(kind, object, template),
      onUpsert: changed,
      onDelete: (_, last) => {
        this.#noted.noteDeletion(last.uid);
        changed();
      },
      onSynced: changed,
      onError: (error) => {
        // Between the removal of a CRD and the next look at what is served.
        if (error instanceof KubernetesError && error.code === 'NotFound') return;
        onError(error);
      },
    });
  }

  /** ReferenceGrants are in the own namespace only, routes where the Gateways are, too. */
  #namespacesOf(kind: ChallengeObjectKind): readonly (string | undefined)[] {
    const { template, watchNamespaces } = this.#options;
    if (kind === 'ReferenceGrant') return [template.namespace];
    return watchNamespaces.length === 0
      ? [undefined]
      : [...new Set([template.namespace, ...watchNamespaces])];
  }

  get #selector(): string {
    return `${ourSelector},${ownerLabel}=${this.#options.template.namespace}`;
  }

  async #readOwn(): Promise<void> {
    const { client, signal, template } = this.#options;
    const query = new URLSearchParams({ labelSelector: this.#selector });
    const read: ObservedObject[] = [];
    for (const { kind, collection } of this.#watched.values()) {
      const path = collectionPath(collection, template.namespace);
      const { body } = await client.stream(path, query, { signal, bodyTimeout });
      for (const object of arrayField(await readJson(body, longestList), 'items')) {
        const observed = observeChallengeObject(kind, object, template);
        if (observed !== undefined) read.push(observed);
      }
    }
    this.#noted.clear();
    for (const observed of read) this.#noted.note(challengeObjectKey(observed), observed);
    this.#observer?.();
  }
}
