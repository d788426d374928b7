import { minute, second } from '../../../../machines/time/durations.ts';
import { doubledPause } from '../../../../machines/time/ladder.ts';
import type { KubernetesClient } from '../../../kubernetes/client/client.ts';
import type { Collection } from '../../../kubernetes/client/collections.ts';
import { isForbidden, KubernetesError, unless } from '../../../kubernetes/client/kubernetes-error.ts';
import { fieldManager } from '../../../kubernetes/records/managed-by.ts';
import type { Clock } from '../../../time/clock.ts';
import { isRefusal } from '../refused-hosts.ts';
import { RepairPace } from '../repair-pace.ts';
import {
  bodyOf,
  type ChallengeRouteTemplate,
  challengeObjectKey,
  type GatewayCollections,
  type ObservedObject,
  observeChallengeObject,
  type WantedObject,
} from './challenge-route-manifest.ts';

export interface ObjectWritesOptions {
  readonly client: Pick<KubernetesClient, 'call'>;
  readonly clock: Clock;
  readonly template: ChallengeRouteTemplate;
  readonly collections: GatewayCollections;
  /** The API server has this version. */
  readonly onWritten: (observed: ObservedObject) => void;
  readonly onDeleted: (uid: string) => void;
  /** Of another's by this key: the name must not be used. */
  readonly onForeign: (key: string) => void;
  /** The API server, a policy or a webhook refuses what is wanted. */
  readonly onRefused: (wanted: WantedObject, cause: KubernetesError) => Promise<void>;
  /** Several writes have failed for another reason. */
  readonly onFailure: (key: string, cause: KubernetesError) => void;
  readonly onError: (error: unknown) => void;
}

/** What is to be done to one object. */
export interface Change {
  readonly key: string;
  /** Undefined: it is deleted. */
  readonly wanted: WantedObject | undefined;
  readonly observed: ObservedObject | undefined;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** What is known of our writes of one object. */
interface Track {
  lastWriteAt: number;
  notBefore: number;
  failures: number;
  /** Since when it has more than is wanted, in monotonic milliseconds. */
  extraSince: number | undefined;
  /** How routes are spelt has changed since then. */
  isHarmful: boolean;
  /** The last write, and what the API server made of it; webhooks may change it. */
  sent: { readonly wanted: string; readonly result: string } | undefined;
  readonly pace: RepairPace;
}

/** Milliseconds between two writes of one object, because each may reload the Gateway. */
const writeInterval = second;
/** Milliseconds before what is not wanted is removed, if no other write removes it earlier. */
export const removalDelay = 10 * second;
const longestBackoff = 30 * second;
/** Of a removal that is not permitted: of what a tenant has labelled as ours in a namespace where nothing may be written. */
const forbiddenBackoff = 10 * minute;
const failuresUntilTold = 4;
/** Those without object are forgotten when there are more. */
const mostTracks = 200;

/**
 * Writes the difference between the challenge objects as they are and as they should be. Level-triggered: what others change or delete
 * is repaired.
 */
export class ObjectWrites {
  readonly #options: ObjectWritesOptions;
  readonly #tracks = new Map<string, Track>();

  constructor(options: ObjectWritesOptions) {
    this.#options = options;
  }

  /**
   * What differs, and when each difference is due.
   *
   * @param now in monotonic milliseconds: what is due at once is due then
   * @param keepUntil what is not wanted stays until then, in monotonic milliseconds
   * @param hasChanged how routes are spelt has changed: what has more than is wanted may do harm
   */
  changes(
    wanted: readonly WantedObject[],
    observed: readonly ObservedObject[],
    keepUntil: number,
    hasChanged: boolean,
    now: number,
  ): Change[] {
    const wantedByKey = new Map(wanted.map((one) => [challengeObjectKey(one), one]));
    const observedByKey = new Map(observed.map((one) => [challengeObjectKey(one), one]));
    this.#forget(observedByKey);
    const keys = new Set([...wantedByKey.keys(), ...observedByKey.keys()]);
    return [...keys].flatMap((key): Change[] => {
      const [should, is] = [wantedByKey.get(key), observedByKey.get(key)];
      const track = this.#track(key);
      const difference = differenceOf(should, is, track);
      if (difference !== 'more') Object.assign(track, { extraSince: undefined, isHarmful: false });
      if (difference === 'none' || is?.deleting === true) return [];
      const isRepair = difference === 'less' && should !== undefined && track.sent?.wanted === textOf(should);
      const pause = isRepair ? track.pace.pause : writeInterval;
      const soonest = Math.max(track.lastWriteAt + pause, track.notBefore);
      if (difference === 'less') return [{ key, wanted: should, observed: is, at: soonest }];
      track.extraSince ??= now;
      track.isHarmful ||= hasChanged;
      const calm = track.isHarmful ? now : Math.max(track.extraSince + removalDelay, keepUntil);
      return [{ key, wanted: should, observed: is, at: Math.max(calm, soonest) }];
    });
  }

  /** Those of ReferenceGrants first, and their deletion last: a route must not stand without. Never rejects but with the signal's reason. */
  async perform(changes: readonly Change[], signal: AbortSignal): Promise<void> {
    const isGrant = ({ key }: Change): boolean => key.startsWith('ReferenceGrant/');
    const order = [
      changes.filter((one) => isGrant(one) && one.wanted !== undefined),
      changes.filter((one) => !isGrant(one)),
      changes.filter((one) => isGrant(one) && one.wanted === undefined),
    ];
    for (const some of order) await Promise.all(some.map((change) => this.#perform(change, signal)));
  }

  /** Tries a write without doing it. @throws KubernetesError */
  async tryOut(
    wanted: WantedObject,
    observed: ObservedObject | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#send(wanted, observed, signal, true);
  }

  async #perform({ key, wanted, observed }: Change, signal: AbortSignal): Promise<void> {
    const { clock, onWritten } = this.#options;
    const track = this.#track(key);
    try {
      if (wanted === undefined) {
        if (observed === undefined) return;
        await this.#delete(observed, signal);
        track.sent = undefined;
        this.#options.onDeleted(observed.uid);
        return;
      }
      if (track.sent?.wanted === textOf(wanted)) track.pace.begin();
      const answer = await this.#send(wanted, observed, signal, false);
      const result = observeChallengeObject(wanted.kind, answer, this.#options.template);
      if (result === undefined) return;
      track.sent = { wanted: textOf(wanted), result: textOf(result) };
      onWritten(result);
      track.failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      await this.#recover(key, wanted, error, signal);
    } finally {
      track.lastWriteAt = clock.monotonic();
    }
  }

  #send(
    wanted: WantedObject,
    observed: ObservedObject | undefined,
    signal: AbortSignal,
    dryRun: boolean,
  ): Promise<object> {
    const { namespace, name } = wanted;
    const collection = this.#collection(wanted);
    const body = bodyOf(wanted, collection, observed?.uid);
    const options = { fieldManager, dryRun, whole: true } as const;
    return this.#options.client.call(signal, (api) =>
      observed === undefined
        ? api.create(collection, namespace, body, options)
        : // Without a resourceVersion: the implementation writes the status at any moment. The uid guards against another object.
          api.patch(collection, { namespace, name }, 'merge', body, options),
    );
  }

  async #delete({ kind, namespace, name, uid }: ObservedObject, signal: AbortSignal): Promise<void> {
    const collection = this.#collection({ kind });
    await unless('NotFound', () =>
      this.#options.client.call(signal, (api) => api.delete(collection, { namespace, name }, { uid })),
    );
  }

  /** @throws KubernetesError if the API server does not serve it any more */
  #collection({ kind }: Pick<WantedObject, 'kind'>): Collection<object> {
    const collection = this.#options.collections.servedCollection(kind);
    if (collection === undefined)
      throw new KubernetesError('NotFound', `The API server does not serve ${kind}s`);
    const { apiVersion, resource } = collection;
    return { apiVersion, resource };
  }

  async #recover(
    key: string,
    wanted: WantedObject | undefined,
    error: unknown,
    signal: AbortSignal,
  ): Promise<void> {
    const { onRefused, onError } = this.#options;
    if (!(error instanceof KubernetesError)) throw error;
    try {
      if (wanted !== undefined && isRefusal(error)) await onRefused(wanted, error);
      else if (wanted !== undefined && error.code === 'AlreadyExists') await this.#meet(key, wanted, signal);
      else this.#postpone(key, error);
    } catch (second) {
      signal.throwIfAborted();
      if (second instanceof KubernetesError) this.#postpone(key, second);
      else onError(second);
    }
  }

  /** There is one that the watch has not shown: ours, or another's. */
  async #meet(key: string, wanted: WantedObject, signal: AbortSignal): Promise<void> {
    const { client, onForeign, onWritten, template } = this.#options;
    const { namespace, name } = wanted;
    const [object] = (
      await client.call(signal, (api) =>
        api.list(this.#collection(wanted), namespace, { fieldSelector: `metadata.name=${name}` }),
      )
    ).items;
    if (object === undefined) return;
    const observed = observeChallengeObject(wanted.kind, object, template);
    if (observed === undefined) onForeign(key);
    else onWritten(observed);
  }

  #postpone(key: string, error: KubernetesError): void {
    const { clock, onError, onFailure } = this.#options;
    const track = this.#track(key);
    track.failures += 1;
    const longest = isForbidden(error) ? forbiddenBackoff : longestBackoff;
    const backoff = doubledPause(writeInterval, longest, track.failures);
    const asked = Math.min(error.retryAfter ?? 0, minute);
    track.notBefore = clock.monotonic() + Math.max(backoff, asked);
    onError(error);
    if (track.failures % failuresUntilTold === 0) onFailure(key, error);
  }

  #track(key: string): Track {
    const known = this.#tracks.get(key);
    if (known !== undefined) return known;
    const track: Track = {
      lastWriteAt: Number.NEGATIVE_INFINITY,
      notBefore: Number.NEGATIVE_INFINITY,
      failures: 0,
      extraSince: undefined,
      isHarmful: false,
      sent: undefined,
      pace: new RepairPace(this.#options.clock, writeInterval),
    };
    this.#tracks.set(key, track);
    return track;
  }

  #forget(observed: ReadonlyMap<string, ObservedObject>): void {
    if (this.#tracks.size < mostTracks) return;
    for (const key of this.#tracks.keys()) if (!observed.has(key)) this.#tracks.delete(key);
  }
}

/** `more`: it has all that is wanted, and more, or nothing is wanted. */
function differenceOf(
  wanted: WantedObject | undefined,
  observed: ObservedObject | undefined,
  { sent }: Track,
): 'none' | 'less' | 'more' {
  if (wanted === undefined) return observed === undefined ? 'none' : 'more';
  if (observed === undefined) return 'less';
  if (sent?.wanted === textOf(wanted) && sent.result === textOf(observed)) return 'none';
  const hasAll = [...wanted.parts].every((part) => observed.parts.has(part));
  if (wanted.fixed !== observed.fixed || !hasAll) return 'less';
  return observed.parts.size > wanted.parts.size ? 'more' : 'none';
}

function textOf({ fixed, parts }: Pick<WantedObject, 'fixed' | 'parts'>): string {
  return [fixed, ...[...parts].toSorted()].join('\n');
}
