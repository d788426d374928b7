import type { Logger } from 'pino';
import { isEqual } from '../../../machines/ownership/equality.ts';
import { day, second } from '../../../machines/time/durations.ts';
import type { KubernetesClient } from '../../kubernetes/client/client.ts';
import { type Collection, collectionPath } from '../../kubernetes/client/collections.ts';
import { isForbidden, KubernetesError } from '../../kubernetes/client/kubernetes-error.ts';
import { EndingWatches } from '../../kubernetes/watch/ending-watches.ts';
import { logInterruption } from '../../kubernetes/watch/interruption.ts';
import { Reflector, type ReflectorState } from '../../kubernetes/watch/reflector.ts';
import type { Clock } from '../../time/clock.ts';
import { Denial } from '../denial.ts';

/** Milliseconds after which what cannot be read holds up nothing else any more. */
export const longestWait = 30 * second;
/** Milliseconds that what was read in another version is kept where it cannot be read in this one. */
const keptEarlier = day;
/** Milliseconds: with each change of a CRD the API server begins its storage anew, and is busy (429) until then. */
const storagePatience = 10 * second;
/** Answers in a row that do not list a kind any more: an API server that has just started lists them late. */
const answersUntilGone = 2;

export interface KindWatchOptions<T extends object> {
  /** Plural, for messages. */
  readonly plural: string;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly client: Pick<KubernetesClient, 'stream'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** @returns undefined for an object to be ignored */
  readonly project: (object: unknown) => T | undefined;
  readonly onUpsert: (reading: T) => void;
  readonly onDelete: (last: T) => void;
  /** `read` may have become true. */
  readonly onRead: () => void;
}

interface Served<T extends object> {
  readonly collection: Collection;
  readonly reflectors: readonly Reflector<T>[];
  readonly denials: readonly Denial[];
  /** Ends them. */
  readonly end: AbortController;
  /** Monotonic milliseconds. */
  readonly since: number;
}

/** The watches of one kind for as long as the API server serves it: one for each watched namespace, or one for all. */
export class KindWatch<T extends object> {
  readonly #options: KindWatchOptions<T>;
  #served: Served<T> | undefined;
  /** Answers in a row in which it was missing, or of another version. */
  #missing = 0;
  /** What was read in another version, by `namespace/name`, until that is read in this one, or for a day: nothing is gone only for that. */
  #earlier = new Map<string, T>();
  #readEarlier = false;
  readonly #ending = new EndingWatches();

  constructor(options: KindWatchOptions<T>) {
    this.#options = options;
  }

  /** In the version that is read; undefined if none is served. */
  get collection(): Collection | undefined {
    return this.#served?.collection;
  }

  get states(): readonly ReflectorState[] {
    return (this.#served?.reflectors ?? []).map(({ state }) => state);
  }

  /** All are known. */
  get synced(): boolean {
    return this.#served?.reflectors.every(({ state }) => state.synced) === true;
  }

  /** All are known, if need be of another version, or they may not be read, or could not be for too long; also if there is no such kind. */
  get read(): boolean {
    if (this.#served === undefined || this.#readEarlier) return true;
    const { reflectors, denials, since } = this.#served;
    const isLate = this.#options.clock.monotonic() - since >= longestWait;
    return reflectors.every(({ state }, at) => state.synced || denials[at]?.stands === true || isLate);
  }

  *entries(): Iterable<T> {
    if (this.#earlier.size > 0) {
      yield* this.#all().values();
      return;
    }
    for (const reflector of this.#served?.reflectors ?? []) {
      for (const [, reading] of reflector.entries()) yield reading;
    }
  }

  /** What the API server has answered: a new version, or that there is none, counts when it has been said twice. */
  serve(collection: Collection | undefined): void {
    if (isEqual(collection, this.#served?.collection)) {
      this.#missing = 0;
      const since = this.#served?.since ?? Number.POSITIVE_INFINITY;
      if (this.#options.clock.monotonic() - since >= keptEarlier) this.#endEarlier();
      return;
    }
    if (this.#served !== undefined) {
      this.#missing += 1;
      if (this.#missing < answersUntilGone) return;
      const [last, wasRead] = [this.#all(), this.read];
      this.#end(this.#served);
      this.#earlier = last;
      this.#readEarlier = wasRead && collection !== undefined;
    }
    this.#missing = 0;
    if (collection === undefined) this.#endEarlier();
    else this.#begin(collection);
  }

  async watching(signal: AbortSignal): Promise<unknown> {
    const known = (this.#served?.reflectors ?? []).filter(({ state }) => state.synced);
    return Promise.all(known.map((reflector) => reflector.watching(signal)));
  }

  async stopped(): Promise<void> {
    await this.#ending.stopped(this.#served?.reflectors ?? []);
  }

  #begin(collection: Collection): void {
    const { namespaces, clock, signal } = this.#options;
    const end = new AbortController();
    const until = AbortSignal.any([signal, end.signal]);
    const places = namespaces.length === 0 ? [undefined] : namespaces;
    const watches = places.map((namespace) => this.#watch(collection, namespace, until));
    this.#served = {
      collection,
      reflectors: watches.map(({ reflector }) => reflector),
      denials: watches.map(({ denial }) => denial),
      end,
      since: clock.monotonic(),
    };
    for (const { reflector } of watches) reflector.start();
  }

  #end({ end, reflectors }: Served<T>): void {
    end.abort();
    this.#served = undefined;
    this.#ending.add(reflectors);
  }

  /** What has not been read again is gone. @param namespace undefined: of all */
  #endEarlier(namespace?: string): void {
    const reflectors = this.#served?.reflectors ?? [];
    for (const [key, last] of this.#earlier) {
      if (namespace !== undefined && !key.startsWith(`${namespace}/`)) continue;
      this.#earlier.delete(key);
      if (reflectors.every((reflector) => reflector.get(key) === undefined)) this.#options.onDelete(last);
    }
  }

  #all(): Map<string, T> {
    const all = new Map(this.#earlier);
    for (const reflector of this.#served?.reflectors ?? []) {
      for (const [key, reading] of reflector.entries()) all.set(key, reading);
    }
    return all;
  }

  #watch(
    collection: Collection,
    namespace: string | undefined,
    until: AbortSignal,
  ): { readonly reflector: Reflector<T>; readonly denial: Denial } {
    const { plural, client, clock, log, project, onUpsert, onDelete, onRead } = this.#options;
    const denial = new Denial();
    const reflector = new Reflector<T>({
      client,
      path: collectionPath(collection, namespace),
      clock,
      signal: until,
      project,
      onUpsert: (_, reading) => onUpsert(reading),
      onDelete: (key, last) => {
        this.#earlier.delete(key);
        onDelete(last);
      },
      onSynced: () => {
        if (denial.stands) log.info(`${plural} can be read now.`);
        denial.end();
        this.#endEarlier(namespace);
        onRead();
      },
      onError(error) {
        // Between the removal of a CRD and the next look at what is served.
        if (error instanceof KubernetesError && error.status === 404) return;
        const isBusy = error instanceof KubernetesError && error.code === 'TooManyRequests';
        const lasts = clock.now() - reflector.state.since >= storagePatience;
        if (!isForbidden(error) && (!isBusy || lasts)) logInterruption(log, plural, error);
        if (reflector.state.synced || !denial.beginsWith(error, clock.monotonic())) return;
        log.error({ namespace, err: error }, denialMessage(plural));
        onRead();
      },
    });
    return { reflector, denial };
  }
}

function denialMessage(plural: string): string {
  return (
    `${plural} cannot be listed, so Gateways get no certificates. Add deploy/components/gateway (chart: gateway.enabled), or remove ` +
    'LEGO_GATEWAY_API. kube-lego tries again.'
  );
}
