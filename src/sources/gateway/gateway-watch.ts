/*
 * The watches of Gateway API objects, as far as the API server serves them. Called by the wiring; the sources (gateway-sources.ts) and the
 * HTTP-01 solver read what they hold.
 */
import type { Logger } from 'pino';
import type {
  GatewayKind,
  GatewayReading,
  GrantReading,
  RouteReading,
} from '../../../machines/gateway/gateway-objects.ts';
import { minute, second } from '../../../machines/time/durations.ts';
import type { Config } from '../../config/config.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { type Collection, collectionPath, namespaces } from '../../kubernetes/client/collections.ts';
import { Reflector, type ReflectorState } from '../../kubernetes/watch/reflector.ts';
import { type Clock, sleep } from '../../time/clock.ts';
import type { GatewayCache } from './gateway-cache.ts';
import { discoverGatewayApi, type GatewayApiKind } from './gateway-discovery.ts';
import { projectGateway } from './gateway-projection.ts';
import { KindWatch, longestWait } from './kind-watch.ts';
import { type NamespaceLabels, projectLabels } from './namespace-labels.ts';
import { projectGrant, projectRoute } from './route-projection.ts';
import { SharedReferences } from './shared-references.ts';

/** Milliseconds between two questions which kinds are served; after a failure, and until all have been read. */
const discoveryInterval = minute;
const repeatInterval = 5 * second;
const readingInterval = second;
const usualCollection: Readonly<Record<GatewayKind, Collection>> = {
  Gateway: { apiVersion: 'gateway.networking.k8s.io/v1', resource: 'gateways' },
  ListenerSet: { apiVersion: 'gateway.networking.k8s.io/v1', resource: 'listenersets' },
};
const unreadOfNamespaces: ReadonlySet<string> = new Set(['managedFields', 'annotations']);

/** An object that has changed, or is gone; the rest may concern anybody. */
export type GatewayChange =
  | { readonly of: 'gateway'; readonly reading: GatewayReading; readonly gone?: true }
  | { readonly of: 'route'; readonly reading: RouteReading; readonly gone?: true }
  | { readonly of: 'grants' | 'namespaces' }
  /** Nothing, but `read` may have become true. */
  | { readonly of: 'reading' };

export interface GatewayWatchOptions {
  readonly config: Pick<Config, 'annotationKey' | 'namespace' | 'watchNamespaces'>;
  readonly client: Pick<KubernetesClient, 'stream'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export class GatewayWatch implements GatewayCache {
  readonly #options: GatewayWatchOptions;
  readonly #gateways: KindWatch<GatewayReading>;
  readonly #listenerSets: KindWatch<GatewayReading>;
  readonly #routes: KindWatch<RouteReading>;
  readonly #grants: KindWatch<GrantReading>;
  #labels: Reflector<NamespaceLabels> | undefined;
  /** The labels have been listed, or the first list has failed: then listeners with a selector have no routes yet. */
  #labelsRead = true;
  readonly #followers = new Set<(change: GatewayChange) => void>();
  #running: Promise<void> | undefined;
  /** Monotonic milliseconds. */
  #startedAt = 0;
  #discovered = false;

  constructor(options: GatewayWatchOptions) {
    this.#options = options;
    const { config, client, clock, signal, log } = options;
    const tell = (change: GatewayChange): void => this.#tell(change);
    const watched = config.watchNamespaces;
    const common = {
      namespaces: watched,
      client,
      clock,
      signal,
      log,
      onRead: () => tell({ of: 'reading' }),
    };
    const ofKind = (kind: GatewayKind) => ({
      ...common,
      plural: `${kind}s`,
      project: (object: unknown) => projectGateway(kind, object, config.annotationKey),
      onUpsert: (reading: GatewayReading) => tell({ of: 'gateway', reading }),
      onDelete: (reading: GatewayReading) => tell({ of: 'gateway', reading, gone: true }),
    });
    const references = new SharedReferences();
    this.#gateways = new KindWatch(ofKind('Gateway'));
    this.#listenerSets = new KindWatch(ofKind('ListenerSet'));
    this.#routes = new KindWatch<RouteReading>({
      ...common,
      // The challenge routes are there, with what Gateways say of them.
      namespaces: watched.length === 0 ? [] : [...new Set([config.namespace, ...watched])],
      plural: 'HTTPRoutes',
      project: (object) => projectRoute(object, (reference) => references.of(reference)),
      onUpsert: (reading) => tell({ of: 'route', reading }),
      onDelete: (reading) => tell({ of: 'route', reading, gone: true }),
    });
    this.#grants = new KindWatch<GrantReading>({
      ...common,
      plural: 'ReferenceGrants',
      project: projectGrant,
      onUpsert: () => tell({ of: 'grants' }),
      onDelete: () => tell({ of: 'grants' }),
    });
  }

  start(): void {
    this.#startedAt = this.#options.clock.monotonic();
    this.#running ??= this.#run();
  }

  async stopped(): Promise<void> {
    await this.#running;
    await Promise.all([...this.#all.map((kind) => kind.stopped()), this.#labels?.stopped()]);
  }

  get served(): boolean {
    return this.#gateways.synced && this.#routes.synced;
  }

  /**
   * All that is served has been read, may not be read, or could not be for so long that nothing else can wait for it: Ingresses must not go
   * without renewals because of a broken CRD.
   */
  get read(): boolean {
    if (this.#discovered) return this.#labelsRead && this.#all.every(({ read }) => read);
    return this.#running !== undefined && this.#options.clock.monotonic() - this.#startedAt >= longestWait;
  }

  *gateways(): Iterable<GatewayReading> {
    yield* this.#gateways.entries();
    yield* this.#listenerSets.entries();
  }

  routes(): Iterable<RouteReading> {
    return this.#routes.entries();
  }

  grants(): Iterable<GrantReading> {
    return this.#grants.entries();
  }

  namespaceLabels(namespace: string): Readonly<Record<string, string>> {
    return this.#labels?.get(namespace)?.labels ?? {};
  }

  /** The collection of a kind, in the version that is read, or was last. */
  collectionOf(kind: GatewayKind): Collection {
    const watch = kind === 'Gateway' ? this.#gateways : this.#listenerSets;
    return watch.collection ?? usualCollection[kind];
  }

  /** The collection of a kind, in the version that is read; undefined if none is served. */
  servedCollection(kind: GatewayApiKind): Collection | undefined {
    const byKind = {
      Gateway: this.#gateways,
      ListenerSet: this.#listenerSets,
      HTTPRoute: this.#routes,
      ReferenceGrant: this.#grants,
    };
    return byKind[kind].collection;
  }

  statesOf(kind: GatewayKind): readonly ReflectorState[] {
    return (kind === 'Gateway' ? this.#gateways : this.#listenerSets).states;
  }

  /** Resolves when each list that has been read is watched again. @throws the signal's reason */
  watching(signal: AbortSignal): Promise<unknown> {
    return Promise.all(this.#all.map((kind) => kind.watching(signal)));
  }

  onChange(listener: () => void): () => void {
    return this.follow(listener);
  }

  /** Called with each change. @returns ends it */
  follow(follower: (change: GatewayChange) => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  get #all(): readonly Pick<KindWatch<object>, 'read' | 'stopped' | 'watching'>[] {
    return [this.#gateways, this.#listenerSets, this.#routes, this.#grants];
  }

  async #run(): Promise<void> {
    const { clock, signal } = this.#options;
    let askAt = clock.monotonic();
    while (!signal.aborted) {
      if (clock.monotonic() >= askAt) {
        const asked = await this.#discover();
        askAt = clock.monotonic() + (asked ? discoveryInterval : repeatInterval);
      }
      this.#tell({ of: 'reading' });
      const rest = askAt - clock.monotonic();
      await sleep(clock, this.read ? rest : Math.min(rest, readingInterval), signal).catch(() => undefined);
    }
  }

  /** @returns whether the API server has answered */
  async #discover(): Promise<boolean> {
    const { client, log, signal } = this.#options;
    try {
      const served = await discoverGatewayApi(client, signal);
      this.#gateways.serve(served.get('Gateway'));
      this.#listenerSets.serve(served.get('ListenerSet'));
      this.#routes.serve(served.get('HTTPRoute'));
      this.#grants.serve(served.get('ReferenceGrant'));
      if (served.has('Gateway')) this.#watchLabels();
      this.#discovered = true;
      return true;
    } catch (error) {
      if (!signal.aborted) log.debug(error, 'The API server did not say whether it serves Gateway API.');
      return false;
    }
  }

  /** Of Namespaces, for listeners that let in routes by them. Why they cannot be read is told by the watch of the Namespaces. */
  #watchLabels(): void {
    if (this.#labels !== undefined) return;
    const { client, clock, signal } = this.#options;
    const changed = (): void => this.#tell({ of: 'namespaces' });
    const tried = (): void => {
      this.#labelsRead = true;
      this.#tell({ of: 'reading' });
    };
    this.#labelsRead = false;
    this.#labels = new Reflector({
      client,
      path: collectionPath(namespaces),
      metadataOnly: true,
      without: unreadOfNamespaces,
      clock,
      signal,
      project: projectLabels,
      onUpsert: changed,
      onDelete: changed,
      onSynced: tried,
      onError: tried,
    });
    this.#labels.start();
  }

  #tell(change: GatewayChange): void {
    for (const follower of this.#followers) follower(change);
  }
}
