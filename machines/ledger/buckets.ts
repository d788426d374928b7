import type { Shards } from '../documents/shards.ts';
import { hour } from '../time/durations.ts';
import { bucketKey, limitOfKey, type Scope } from './limit-keys.ts';
import type { OrderRequest } from './order-limits.ts';
import { type LimitName, limitNames, type RateLimits } from './rate-limits.ts';
import { emptyUntil, fillTime, plausible, spend, timeOfTokens, tokensAt } from './token-bucket.ts';

/** Level of a bucket; times in milliseconds since the epoch. */
export interface BucketForecast {
  readonly limit: LimitName;
  /** Display name, such as `registered domain example.com`. */
  readonly scope: string;
  /** Orders, certificates or failures that the CA allows now, rounded down. */
  readonly level: number;
  readonly capacity: number;
  /** How many of `capacity` are reserved for renewals and replacements. */
  readonly reserved: number;
  /** When a first order fits next, and when a renewal does; `now` if at once. */
  readonly nextFirst: number;
  readonly nextRenewal: number;
}

interface Bucket {
  readonly limit: LimitName;
  readonly scope: string | undefined;
  readonly tat: number;
  /** Reserved by orders in progress, spent only if a certificate is issued. */
  readonly pending: number;
}

/** A full bucket is kept for so long, in case the clock is set back. */
const grace = 2 * hour;

/** The buckets that are not full. Marks the shard of each change. */
export class LedgerBuckets {
  readonly #rateLimits: RateLimits;
  readonly #shards: Shards;
  readonly #buckets = new Map<string, Bucket>();
  /** By unreadable document, the time at which all buckets without an entry are assumed empty. */
  readonly #assumedSpent = new Map<number, number>();

  constructor(rateLimits: RateLimits, shards: Shards) {
    this.#rateLimits = rateLimits;
    this.#shards = shards;
  }

  /** In which an empty bucket becomes full, in milliseconds; undefined if the limit is not known. */
  periodOf(limitName: LimitName): number | undefined {
    return this.#rateLimits.limits[limitName]?.period;
  }

  /** When one more fits, after `others`; now if the limit is not known. */
  timeOf(
    limitName: LimitName,
    scope: Scope,
    purpose: OrderRequest['purpose'],
    now: number,
    others = 0,
  ): number {
    const limit = this.#rateLimits.limits[limitName];
    if (limit === undefined) return now;
    const bucket = this.#read(limitName, scope, now);
    const kept = purpose === 'first' ? this.#reserved(limitName) : 0;
    return timeOfTokens(bucket.tat, limit, 1 + kept + bucket.pending + others, now);
  }

  /** The unreadable document for which this bucket is assumed not to be full; undefined if its level is known. */
  damagedFor(limitName: LimitName, scope: Scope, now: number): number | undefined {
    if (this.#buckets.has(bucketKey(limitName, scope))) return undefined;
    const latest = [...this.#assumedSpent].toSorted(([, one], [, other]) => other - one).at(0);
    return latest !== undefined && this.#assumedTat(limitName, latest[1]) > now ? latest[0] : undefined;
  }

  spend(limitName: LimitName, scope: Scope, now: number): void {
    this.#change(limitName, scope, now, (bucket, limit) => ({
      ...bucket,
      tat: spend(bucket.tat, limit, now),
    }));
  }

  /** Reserves one for an order in progress, or returns it. */
  addPending(limitName: LimitName, scope: Scope, count: 1 | -1, now: number): void {
    this.#change(limitName, scope, now, (bucket) => ({
      ...bucket,
      pending: Math.max(bucket.pending + count, 0),
    }));
  }

  /** The CA says that the bucket is empty until then. */
  emptyUntil(limitName: LimitName, scope: Scope, until: number, now: number): void {
    this.#change(limitName, scope, now, (bucket, limit) => ({
      ...bucket,
      tat: emptyUntil(bucket.tat, limit, until, now),
    }));
  }

  /**
   * The CA has reset this counter.
   * @returns the key of its bucket, if there was one
   */
  reset(limitName: LimitName, scope: Scope): string | undefined {
    const key = bucketKey(limitName, scope);
    if (!this.#buckets.delete(key)) return undefined;
    this.#shards.delete(key, true);
    return key;
  }

  /** All buckets that are not full, the emptiest first. */
  forecast(now: number): BucketForecast[] {
    const forecasts: BucketForecast[] = [];
    for (const { limit: name, scope, tat: kept, pending } of this.#buckets.values()) {
      const limit = this.#rateLimits.limits[name];
      if (limit === undefined || (kept <= now && pending === 0)) continue;
      const tat = plausible(kept, limit, now);
      const reserved = this.#reserved(name);
      forecasts.push({
        limit: name,
        scope: scope ?? 'unknown since the restart',
        level: Math.max(tokensAt(tat, limit, now) - pending, 0),
        capacity: limit.burst,
        reserved,
        nextFirst: timeOfTokens(tat, limit, 1 + reserved + pending, now),
        nextRenewal: timeOfTokens(tat, limit, 1 + pending, now),
      });
    }
    return forecasts.toSorted((one, other) => one.level / one.capacity - other.level / other.capacity);
  }

  /** The TAT to be stored, without reservations; undefined for an unknown key. */
  keptTat(key: string): number | undefined {
    const bucket = this.#buckets.get(key);
    return bucket === undefined || bucket.tat === 0 ? undefined : bucket.tat;
  }

  /**
   * Restores a bucket; one that is emptier here stays so.
   * @param tat undefined if unreadable: then the bucket is empty
   * @returns false for an unknown limit and for a bucket that is full
   */
  restore(key: string, tat: number | undefined, now: number): boolean {
    const name = limitOfKey(key);
    const limit = name && this.#rateLimits.limits[name];
    if (name === undefined || limit === undefined || (tat !== undefined && tat + grace <= now)) return false;
    const { scope, pending = 0, tat: before = 0 } = this.#buckets.get(key) ?? {};
    const kept = tat === undefined ? now + fillTime(limit) : plausible(tat, limit, now);
    this.#buckets.set(key, { limit: name, scope, tat: Math.max(before, kept), pending });
    return true;
  }

  /** @param shard the document that records it */
  assumeSpent(shard: number, at: number, now: number): void {
    this.#assumedSpent.set(shard, Math.min(at, now));
    this.#shards.markChanged(shard);
  }

  /** Somebody has deleted the document. */
  assumeNothing(shard: number): void {
    this.#assumedSpent.delete(shard);
  }

  assumedSpent(shard: number): number | undefined {
    return this.#assumedSpent.get(shard);
  }

  /** Removes full buckets. */
  prune(now: number): void {
    for (const [key, { tat, pending }] of this.#buckets) {
      if (tat + grace > now || pending > 0) continue;
      this.#buckets.delete(key);
      this.#shards.delete(key, false);
    }
    for (const [shard, at] of this.#assumedSpent) {
      if (limitNames.some((name) => this.#assumedTat(name, at) + grace > now)) continue;
      this.#assumedSpent.delete(shard);
      this.#shards.markChanged(shard);
    }
  }

  get size(): number {
    return this.#buckets.size;
  }

  #read(name: LimitName, scope: Scope, now: number): Bucket {
    const key = bucketKey(name, scope);
    const known = this.#buckets.get(key);
    if (known === undefined) {
      let tat = 0;
      for (const at of this.#assumedSpent.values()) tat = Math.max(tat, this.#assumedTat(name, at));
      return { limit: name, scope: scope.words, tat, pending: 0 };
    }
    const limit = this.#rateLimits.limits[name];
    // A TAT written by a wrong clock must not keep the bucket empty for longer than the limit does.
    const tat = limit === undefined ? known.tat : plausible(known.tat, limit, now);
    if (known.scope !== undefined && tat === known.tat) return known;
    const found = { ...known, scope: scope.words, tat };
    this.#buckets.set(key, found);
    if (tat !== known.tat) this.#shards.touch(key);
    return found;
  }

  #change(
    name: LimitName,
    scope: Scope,
    now: number,
    change: (bucket: Bucket, limit: NonNullable<RateLimits['limits'][LimitName]>) => Bucket,
  ): void {
    const limit = this.#rateLimits.limits[name];
    if (limit === undefined) return;
    const key = bucketKey(name, scope);
    const before = this.#read(name, scope, now);
    const after = change(before, limit);
    if (before.tat === after.tat && before.pending === after.pending) return;
    this.#buckets.set(key, after);
    // Reservations are not stored.
    if (before.tat !== after.tat) this.#shards.touch(key);
  }

  #reserved(name: LimitName): number {
    const burst = this.#rateLimits.limits[name]?.burst ?? 0;
    return Math.min(Math.floor(burst * this.#rateLimits.reserve), Math.max(burst - 1, 0));
  }

  /** Nothing is assumed for consecutive failures: a pause takes years to build up, and the CA reports it. */
  #assumedTat(name: LimitName, at: number): number {
    const limit = this.#rateLimits.limits[name];
    return limit === undefined || name === 'consecutive-authorization-failures' ? 0 : at + fillTime(limit);
  }
}
