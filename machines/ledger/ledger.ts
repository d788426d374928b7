// Our copy of the CA's rate limits: what orders consume, what refusals teach, and the documents that outlive the process. The order
// budget reserves and reports here; src/ledger stores the documents in ConfigMaps.

import { Shards } from '../documents/shards.ts';
import { minute } from '../time/durations.ts';
import { type LedgerParts, readLedger, writeShard } from './archive.ts';
import { type Block, LedgerBlocks } from './blocks.ts';
import { type BucketForecast, LedgerBuckets } from './buckets.ts';
import { type Gate, type Hold, withoutKey } from './hold.ts';
import type { LearnedBlock } from './learned-block.ts';
import { bucketKey, LedgerKeys, type OrderScopes, type Scope } from './limit-keys.ts';
import { type Forecast, OrderCheck, type SharedLimit } from './order-check.ts';
import { blockedBy, limitOfBlock, type OrderRequest, spentAtIssuance } from './order-limits.ts';
import type { RateLimits } from './rate-limits.ts';
import { LedgerOrders } from './recent-orders.ts';

/** One document of the ledger; `text` is undefined if it is empty. */
export interface LedgerShard {
  readonly shard: number;
  readonly text: string | undefined;
}

/** Entries per document: a ConfigMap of about 100 KB. */
const shardCapacity = 2000;
const pruneInterval = 10 * minute;

/**
 * Remaining capacity in the CA's rate limits, computed as the CA does. It has no clock: callers pass the time, preferably by the
 * CA's clock.
 */
export class Ledger {
  readonly #keys: LedgerKeys;
  readonly #shards = new Shards(shardCapacity, () => 1);
  readonly #blocks = new LedgerBlocks();
  readonly #buckets: LedgerBuckets;
  readonly #check: OrderCheck;
  readonly #parts: LedgerParts;
  readonly #orders: LedgerOrders;
  /** Orders that are recorded in advance: a tenth of the CA's burst, at most 50. */
  readonly #ahead: number;
  readonly #account: Scope;
  readonly #unavailableKey: string;
  /** TAT of the orders bucket as written: what a crash would restore. */
  #coveredTat = 0;
  /** The same after the changes taken last are written. */
  #takenTat = 0;
  #prunedAt = 0;

  /**
   * @param registeredDomain see registered-domain.ts
   * @param hash collision-resistant, salted per CA, so that usage of one does not count at another (the first 16 characters of
   *   SHA-256 in base64url, of directory and text)
   */
  constructor(
    rateLimits: RateLimits,
    registeredDomain: (host: string) => string,
    hash: (text: string) => string,
  ) {
    this.#keys = new LedgerKeys(registeredDomain, hash);
    this.#buckets = new LedgerBuckets(rateLimits, this.#shards);
    this.#orders = new LedgerOrders(this.#buckets);
    this.#check = new OrderCheck(this.#buckets, this.#blocks);
    this.#parts = { shards: this.#shards, buckets: this.#buckets, blocks: this.#blocks };
    this.#account = this.#keys.account;
    this.#unavailableKey = `U${this.#account.key}`;
    this.#ahead = Math.min(Math.floor((rateLimits.limits['orders-per-account']?.burst ?? 0) / 10), 50);
  }

  /** The longest reason to wait, or undefined if the order may be made now. */
  hold(order: OrderRequest, now: number): Hold | undefined {
    return withoutKey(this.gate(order, now));
  }

  /** @see OrderCheck.gate */
  gate(order: OrderRequest, now: number, ahead?: ReadonlyMap<string, number>): Gate | undefined {
    return this.#check.gate(order, this.#keys.order(order.identifiers), now, ahead);
  }

  /** @see OrderCheck.foresee */
  foresee(order: OrderRequest, taken: Map<string, number>, now: number): Forecast {
    return this.#check.foresee(order, this.#keys.order(order.identifiers), taken, now);
  }

  /** @see OrderCheck.sharedLimits */
  sharedLimits(order: OrderRequest): readonly SharedLimit[] {
    return this.#check.sharedLimits(order, this.#keys.order(order.identifiers));
  }

  /** The longest refusal of the CA that applies to this order; ignores the limits. */
  refusal(order: Pick<OrderRequest, 'identifiers' | 'exemption'>, now: number): Hold | undefined {
    return withoutKey(this.#check.refusal(this.#keys.order(order.identifiers), order.exemption, now));
  }

  /** Keys of the order's scopes with a refusal of the past day. */
  refusedLately(identifiers: readonly string[]): string[] {
    const keys = blockedBy(this.#keys.order(identifiers)).map(([key]) => key);
    return keys.filter((key) => this.#blocks.get(key) !== undefined);
  }

  /** Reserves capacity for an order, until one of the following methods reports its result. */
  orderCreated(order: OrderRequest, now: number): void {
    this.#orders.create(order, this.#keys.order(order.identifiers), now);
  }

  /**
   * The CA has created the order. It is counted from now, not from its reservation: otherwise its token would return earlier here
   * than at the CA.
   */
  orderMade(order: OrderRequest, now: number): void {
    this.#orders.made(this.#keys.order(order.identifiers), now);
  }

  /** The CA has not created the order: nothing is spent. */
  orderRefused(order: OrderRequest, now: number): void {
    this.#orders.end(this.#keys.order(order.identifiers), false, now);
  }

  /** The order ended without a certificate, or with unknown result: it counts as an order. */
  orderEnded(order: OrderRequest, now: number): void {
    this.#orders.end(this.#keys.order(order.identifiers), true, now);
  }

  certificateIssued(order: OrderRequest, now: number): void {
    const scopes = this.#keys.order(order.identifiers);
    this.#orders.end(scopes, true, now);
    for (const [name, scope] of spentAtIssuance(order, scopes)) this.#buckets.spend(name, scope, now);
  }

  authorizationFailed(identifier: string, now: number): void {
    const scope = this.#keys.identifier(identifier);
    this.#buckets.spend('authorization-failures', scope, now);
    this.#buckets.spend('consecutive-authorization-failures', scope, now);
  }

  authorizationSucceeded(identifier: string): void {
    this.#buckets.reset('consecutive-authorization-failures', this.#keys.identifier(identifier));
  }

  /**
   * Records a refusal for its scope; also for exempt orders if the refused one was exempt. If a second order is refused with an
   * unknown message, the refusal is assumed to apply to the whole account.
   *
   * @param order the refused order
   */
  learn(block: LearnedBlock, order: OrderRequest, now: number): void {
    const scopes = this.#keys.order(order.identifiers);
    for (const [key, scope] of this.#blockedScopes(block, order, scopes, now)) {
      const exemption = block.cause === 'paused' ? 'ari' : order.exemption;
      const learned = { cause: block.cause, exemption, scope: scope.words };
      const until = this.#blocks.add(key, learned, block.retryAfter, now);
      this.#shards.touch(key);
      const limit = limitOfBlock.get(key.charAt(0));
      if (limit === block.cause) this.#buckets.emptyUntil(limit, scope, until, now);
    }
  }

  /**
   * The CA is unavailable and sent a Retry-After. Only stored here, to outlive the process: the breaker enforces it.
   * @param retryAfter milliseconds
   */
  learnUnavailable(retryAfter: number, now: number): void {
    this.#blocks.add(
      this.#unavailableKey,
      { cause: 'unavailable', exemption: 'ari', scope: 'the CA' },
      retryAfter,
      now,
    );
    this.#shards.touch(this.#unavailableKey);
  }

  /** End of the CA's Retry-After; undefined if there is none. */
  unavailableUntil(now: number): number | undefined {
    return this.#blocks.inForce(this.#unavailableKey, 'ari', now)?.until;
  }

  /** The user says that the CA no longer pauses these. Other refusals are kept. */
  liftPause(identifiers: readonly string[]): void {
    for (const [key] of blockedBy(this.#keys.order(identifiers))) {
      if (this.#blocks.get(key)?.cause !== 'paused') continue;
      this.#blocks.delete(key);
      this.#shards.delete(key, true);
    }
  }

  /** All buckets that are not full, the emptiest first. */
  forecast(now: number): BucketForecast[] {
    return this.#buckets.forecast(now);
  }

  /** The refusals in force, without a Retry-After of an unavailable CA. */
  blocks(now: number): Hold[] {
    return [...this.#blocks.entries()].flatMap(
      ([key, { cause, until, scope = 'unknown since the restart' }]) =>
        until > now && key !== this.#unavailableKey ? [{ cause, scope, until }] : [],
    );
  }

  /** Until when a refusal holds all non-exempt orders of the account; undefined if none does. */
  accountBlockedUntil(now: number): number | undefined {
    return this.#blocks.inForce(`A${this.#account.key}`, 'none', now)?.until;
  }

  /** Number of entries in memory. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Whether the written documents already count all reserved orders, so that a crash loses none. */
  coversOrders(now: number): boolean {
    return this.#buckets.areCovered('orders-per-account', this.#account, this.#coveredTat, now);
  }

  /** Makes the next changes count more orders in advance; write them if `coversOrders` is false. */
  coverOrders(now: number): void {
    this.#buckets.keep('orders-per-account', this.#account, now);
  }

  /** Whether the written documents already count the certificate that this order may yield within ten minutes. */
  coversCertificate({ identifiers }: Pick<OrderRequest, 'identifiers'>, now: number): boolean {
    return this.#orders.isRecorded(this.#keys.order(identifiers), now);
  }

  /** Makes the next changes count it; write them if `coversCertificate` is false. */
  coverCertificate({ identifiers }: Pick<OrderRequest, 'identifiers'>, now: number): void {
    this.#orders.record(this.#keys.order(identifiers), now);
  }

  /**
   * Restores the documents; once, before any other call.
   *
   * @param documents by shard
   * @returns sentences for the log about unreadable parts, which count as spent
   */
  restore(documents: ReadonlyMap<number, string>, now: number): readonly string[] {
    return readLedger(this.#parts, documents, now);
  }

  /** The changes since the last call, to be written; then call `changesWritten` or `returnChanges`. */
  takeChanges(now: number): LedgerShard[] {
    if (now < this.#prunedAt || now >= this.#prunedAt + pruneInterval) this.#prune(now);
    const { shards, buckets } = this.#parts;
    const accountKey = bucketKey('orders-per-account', this.#account);
    this.#orders.beginWriting(now);
    this.#takenTat = this.#coveredTat;
    const keptTat = (key: string): number | undefined => {
      if (key !== accountKey) return buckets.keptTat(key, 0, now);
      this.#takenTat = buckets.keptTat(key, this.#ahead, now) ?? 0;
      this.#coveredTat = Math.min(this.#coveredTat, this.#takenTat);
      return this.#takenTat;
    };
    return shards.takeChanged().map((shard) => ({ shard, text: writeShard(this.#parts, shard, keptTat) }));
  }

  changesWritten(): void {
    this.#coveredTat = this.#takenTat;
    this.#orders.endWriting(true);
  }

  /** These could not be written: the next changes include them again. */
  returnChanges(shards: Iterable<number>): void {
    this.#coveredTat = 0;
    this.#orders.endWriting(false);
    for (const shard of shards) this.#shards.markChanged(shard);
  }

  #blockedScopes(
    { cause, scope }: LearnedBlock,
    order: OrderRequest,
    scopes: OrderScopes,
    now: number,
  ): [key: string, scope: Scope][] {
    if (scope.type === 'account') return [[`A${scopes.account.key}`, scopes.account]];
    if (scope.type === 'registered-domain') {
      const domains = this.#keys.domainsWithin(order.identifiers, scope.name);
      if (domains.length > 0) return domains.map((domain) => [`D${domain.key}`, domain]);
    }
    if (scope.type === 'identifiers') {
      const named = new Set(scope.names.map((name) => this.#keys.identifier(name).key));
      const inOrder = scopes.identifiers.filter(({ key }) => named.has(key));
      if (inOrder.length > 0) return inOrder.map((identifier) => [`I${identifier.key}`, identifier]);
    }
    const own = `S${scopes.set.key}`;
    const another = ([key, block]: [string, Block]): boolean =>
      key !== own && key.startsWith('S') && block.cause === 'blocked' && block.until > now;
    if (cause !== 'blocked' || ![...this.#blocks.entries()].some(another)) return [[own, scopes.set]];
    return [
      [own, scopes.set],
      [`A${scopes.account.key}`, scopes.account],
    ];
  }

  #prune(now: number): void {
    this.#prunedAt = now;
    this.#buckets.prune(now);
    for (const key of this.#blocks.outdated(now)) {
      this.#blocks.delete(key);
      this.#shards.delete(key, false);
    }
  }
}
