// List and watch of a collection with a local cache, like client-go's reflector. Used by the sources, the challenge Ingresses and the
// commands.

import { isDeepStrictEqual } from 'node:util';
import { hour, second } from '../../../machines/time/durations.ts';
import { doubledPause } from '../../../machines/time/ladder.ts';
import { recordField, stringField } from '../../process/json.ts';
import { type Clock, sleep, untilAborted } from '../../time/clock.ts';
import { Turns } from '../../time/turns.ts';
import type { KubernetesClient } from '../client/client.ts';
import { metadataForms } from '../client/collections.ts';
import { errorFromTransport, KubernetesError } from '../client/kubernetes-error.ts';
import { neverRead, PageSize, readCollection } from './collection-list.ts';
import { keyOf, type ProjectionHandlers, Projections } from './projections.ts';
import { watchEvents } from './watch-stream.ts';

export interface ReflectorOptions<T extends object> extends ProjectionHandlers<T> {
  readonly client: Pick<KubernetesClient, 'stream'>;
  /** Path of the collection, e.g. `/apis/networking.k8s.io/v1/ingresses`. */
  readonly path: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Requests only metadata (PartialObjectMetadata). */
  readonly metadataOnly?: boolean;
  /** Fields of `metadata` that are left out before an object is parsed; `neverRead` if not given. */
  readonly without?: ReadonlySet<string>;
  /** Called after each complete list. */
  onSynced?(): void;
  readonly clock: Clock;
  /** Stops the reflector and closes its connections. */
  readonly signal: AbortSignal;
  /** In [0, 1), for the jitter. Default Math.random. */
  readonly random?: () => number;
  /** Milliseconds between full lists, ±10 %, even without watch errors. Default 6 hours. */
  readonly relistInterval?: number;
  /** Most objects per page; fewer while they are large. Default 500. */
  readonly pageSize?: number;
  /** Idle milliseconds after which a watch is considered dead. Default 150,000: the server sends a bookmark about once a minute. */
  readonly longestSilence?: number;
}

export interface ReflectorState {
  /** A complete list was read since the start; stays true, the contents may be stale. */
  readonly synced: boolean;
  /** A watch is open, so the contents are current. */
  readonly watching: boolean;
  readonly resourceVersion?: string;
  /** The current error; undefined while a watch is open. */
  readonly lastError?: string;
  /** When `synced`, `watching` or `lastError` last changed; milliseconds since the epoch. */
  readonly since: number;
}

interface Condition {
  readonly synced: boolean;
  readonly watching: boolean;
  readonly lastError: string | undefined;
}

const shortestBackoff = 500;
const longestBackoff = 30 * second;
/** A watch that ends earlier without an event counts as a failure, to avoid a tight loop. */
const shortestWatch = 5 * second;
/** After so many failures in a row the resourceVersion is discarded: an unreadable event must not block forever. */
const failuresUntilRelist = 3;

/**
 * Mirrors a collection of the API server as projections: a paged list, then watches with bookmarks. It survives every
 * error: a 410 causes a new list, again in pages, all others a retry after a back-off with full jitter of at most 30 seconds (or the
 * server's Retry-After); `state` shows the last error.
 *
 * @example
 * const ingresses = new Reflector({ client, path: '/apis/networking.k8s.io/v1/ingresses', project, onUpsert, onDelete, clock, signal });
 * ingresses.start();
 */
export class Reflector<T extends object> {
  readonly #options: ReflectorOptions<T>;
  readonly #random: () => number;
  readonly #projections: Projections<T>;
  #condition: Condition = { synced: false, watching: false, lastError: undefined };
  #since: number;
  #resourceVersion: string | undefined;
  #failures = 0;
  #relistAt = 0;
  readonly #pages: PageSize;
  #running: Promise<void> | undefined;
  /** Resolves when a watch is open. */
  #opened: PromiseWithResolvers<void> | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#projections = new Projections(options);
    this.#random = options.random ?? Math.random;
    this.#pages = new PageSize(options.pageSize);
    this.#since = options.clock.now();
  }

  get state(): ReflectorState {
    const { synced, watching, lastError } = this.#condition;
    const state = { synced, watching, since: this.#since };
    return {
      ...state,
      ...(this.#resourceVersion === undefined ? {} : { resourceVersion: this.#resourceVersion }),
      ...(lastError === undefined ? {} : { lastError }),
    };
  }

  /** The projection of `namespace/name` (`name` for cluster-scoped objects). */
  get(key: string): T | undefined {
    return this.#projections.get(key);
  }

  entries(): IterableIterator<[string, T]> {
    return this.#projections.entries();
  }

  /** Idempotent. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when a watch is open: changes made without one are reported at once then. @throws the signal's reason */
  async watching(signal: AbortSignal): Promise<void> {
    if (this.#condition.watching) return;
    this.#opened ??= Promise.withResolvers();
    await untilAborted(this.#opened.promise, signal);
  }

  /** Resolves when the signal was aborted and all is closed; never rejects. */
  async stopped(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined || clock.monotonic() >= this.#relistAt) await this.#list();
        await this.#watch();
      } catch (error) {
        if (signal.aborted) break;
        const pause = this.#fail(errorFromTransport(`GET ${this.#options.path}`, error));
        await sleep(clock, pause, signal).catch(() => undefined);
      }
    }
    this.#update({ watching: false });
  }

  /** @returns milliseconds to wait */
  #fail(error: KubernetesError): number {
    this.#failures++;
    this.#update({ watching: false, lastError: error.message });
    const suspicious = ['ServerError', 'InvalidResponse', 'BadRequest', 'Invalid'].includes(error.code);
    if (error.code === 'Gone' || (suspicious && this.#failures % failuresUntilRelist === 0))
      this.#resourceVersion = undefined;
    this.#projections.report(error);
    const ceiling = doubledPause(shortestBackoff, longestBackoff, this.#failures);
    const jittered = Math.ceil(this.#random() * ceiling);
    // A 410 says nothing about the server's health: after the first one a list follows at once.
    if (error.code === 'Gone' && this.#failures === 1) return 0;
    return Math.max(jittered, error.retryAfter ?? 0);
  }

  async #list(): Promise<void> {
    const { client, path, clock, signal, without, relistInterval = 6 * hour } = this.#options;
    const seen = new Set<string>();
    const reading = { client, path, query: this.#query(), pages: this.#pages, without, signal };
    const resourceVersion = await readCollection({ ...reading, ...this.#form('list') }, (object) => {
      const key = keyOf(object);
      if (key === undefined) return;
      seen.add(key);
      this.#projections.upsert(key, object);
    });
    const turns = new Turns();
    for (const [key] of this.#projections.entries()) {
      if (seen.has(key)) continue;
      this.#projections.remove(key);
      if (turns.isOver) await turns.next();
    }
    this.#resourceVersion = resourceVersion;
    this.#update({ synced: true });
    this.#relistAt = clock.monotonic() + relistInterval * (0.9 + 0.2 * this.#random());
    this.#projections.guard(() => this.#options.onSynced?.());
  }

  async #watch(): Promise<void> {
    const { client, path, clock, signal, without = neverRead, longestSilence = 150 * second } = this.#options;
    const seconds = 240 + Math.floor(240 * this.#random());
    const query = this.#query();
    query.set('watch', 'true');
    query.set('allowWatchBookmarks', 'true');
    query.set('timeoutSeconds', String(seconds));
    if (this.#resourceVersion !== undefined) query.set('resourceVersion', this.#resourceVersion);
    const startedAt = clock.monotonic();
    const bodyTimeout = Math.min(longestSilence, (seconds + 15) * second);
    const { body } = await client.stream(path, query, { signal, bodyTimeout, ...this.#form('watch') });
    this.#update({ watching: true, lastError: undefined });
    let events = 0;
    try {
      for await (const event of watchEvents(body, without)) {
        this.#apply(event);
        events++;
        this.#failures = 0;
      }
    } catch (error) {
      // After an idle time-out, or a broken connection that had worked, the next watch is opened without a pause.
      signal.throwIfAborted();
      const served = clock.monotonic() - startedAt >= shortestWatch;
      if (!served || !(error instanceof Error) || error instanceof KubernetesError) throw error;
      this.#failures = 0;
    }
    if (clock.monotonic() - startedAt >= shortestWatch) this.#failures = 0;
    else if (events === 0) {
      throw new KubernetesError('ServerError', `GET ${path}: the API server closed the watch at once`);
    }
    this.#update({ watching: false });
  }

  #apply(event: unknown): void {
    const type = stringField(event, 'type');
    const object = recordField(event, 'object');
    if (type === 'ERROR') {
      const gone = object?.['code'] === 410;
      const said = stringField(object, 'message') ?? 'no message';
      throw new KubernetesError(
        gone ? 'Gone' : 'ServerError',
        `GET ${this.#options.path}: the watch ended: ${said}`,
      );
    }
    const key = keyOf(object);
    if (object !== undefined && key !== undefined) {
      if (type === 'ADDED' || type === 'MODIFIED') this.#projections.upsert(key, object);
      else if (type === 'DELETED') this.#projections.remove(key);
    }
    const resourceVersion = stringField(recordField(object, 'metadata'), 'resourceVersion');
    if (resourceVersion !== undefined) this.#resourceVersion = resourceVersion;
  }

  #form(of: keyof typeof metadataForms): { accept?: string } {
    return this.#options.metadataOnly === true ? { accept: metadataForms[of] } : {};
  }

  #query(): URLSearchParams {
    const query = new URLSearchParams();
    if (this.#options.labelSelector !== undefined) query.set('labelSelector', this.#options.labelSelector);
    if (this.#options.fieldSelector !== undefined) query.set('fieldSelector', this.#options.fieldSelector);
    return query;
  }

  #update(change: Partial<Condition>): void {
    const before = this.#condition;
    this.#condition = { ...before, ...change };
    if (change.watching === true) {
      this.#opened?.resolve();
      this.#opened = undefined;
    }
    if (!isDeepStrictEqual(before, this.#condition)) this.#since = this.#options.clock.now();
  }
}
