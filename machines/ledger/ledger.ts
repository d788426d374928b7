// Our copy of the CA's rate limits: what orders consume, what refusals teach, and the documents that outlive the process. The order
// budget reserves and reports here; src/ledger stores the documents in ConfigMaps.

import { Shards } from '../documents/shards.ts';
import { minute } from '../time/durations.ts';
import { type LedgerParts, readLedger, writeShard } from './archive.ts';
import { type Block, LedgerBlocks } from './blocks.ts';
import { type BucketForecast, LedgerBuckets } from './buckets.ts';
import { type Gate, type Hold, withoutKey } from './hold.ts';
import type { LearnedBlock } from './learned-block.ts';
import { LedgerKeys, type OrderScopes, type Scope } from './limit-keys.ts';
import { type Forecast, OrderCheck, type SharedLimit } from './order-check.ts';
import { blockedBy, limitOfBlock, type OrderRequest } from './order-limits.ts';
import type { RateLimits } from './rate-limits.ts';
import { LedgerOrders } from './recent-orders.ts';

/** One document of the ledger; `text` is undefined if it is empty. */
export interface LedgerShard {
  readonly shard: number;
  readonly text: string | undefined;
}

/** Entries per document: a ConfigMap of about 25 KB. An order writes each document whole that counts it. */
const shardCapacity = 500;
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
  readonly #account: Scope;
  readonly #unavailableKey: string;
  /** Keys that were deleted because they do not hold any more, and are perhaps still in the documents. */
  #lifted = new Set<string>();
  /** Those of `takeChanges`. */
  #lifting = new Set<string>();
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
   * New-order is about to be sent, or sent again. An unfinished order of an earlier process has come to nothing then, but counts as an
   * order.
   */
  orderSent(order: OrderRequest, now: number): void {
    this.#orders.sent(order, this.#keys.order(order.identifiers), now);
  }

  /**
   * An order of an earlier process, after a crash: it occupies its limits until `settleOrder`, whichever round goes on with it.
   * @param entry id of its entry in the order journal
   */
  resumeOrder(entry: string, order: OrderRequest, now: number): void {
    this.#orders.resume(entry, order, this.#keys.order(order.identifiers), now);
  }

  /** This entry of the order journal has ended: if it is of an earlier process, it counts as an order with a certificate. */
  settleOrder(entry: string, now: number): void {
    this.#orders.settle(entry, now);
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
    this.#orders.issued(order, this.#keys.order(order.identifiers), now);
  }

  authorizationFailed(identifier: string, now: number): void {
    const scope = this.#keys.identifier(identifier);
    this.#buckets.spend('authorization-failures', scope, now);
    this.#buckets.spend('consecutive-authorization-failures', scope, now);
  }

  authorizationSucceeded(identifier: string): void {
    const key = this.#buckets.reset('consecutive-authorization-failures', this.#keys.identifier(identifier));
    if (key !== undefined) this.#lifted.add(key);
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
      this.#lifted.add(key);
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

  /**
   * Takes over the documents, at the start and whenever somebody else has written them. What is emptier or refused for longer, there or
   * here, holds.
   *
   * @param documents all, by shard
   * @returns sentences for the log about unreadable parts, which count as spent
   */
  restore(documents: ReadonlyMap<number, string>, now: number): readonly string[] {
    const sentences = readLedger(this.#parts, documents, now, this.#lifted);
    for (const shard of this.#shards.numbers) {
      if (documents.has(shard)) continue;
      this.#buckets.assumeNothing(shard);
      this.#shards.markChanged(shard);
    }
    return sentences;
  }

  /** The changes since the last call, to be written; what cannot be, is given back by `returnChanges`. */
  takeChanges(now: number): LedgerShard[] {
    if (now < this.#prunedAt || now >= this.#prunedAt + pruneInterval) this.#prune(now);
    this.#lifting = this.#lifted;
    this.#lifted = new Set();
    return this.#shards.takeChanged().map((shard) => ({ shard, text: writeShard(this.#parts, shard) }));
  }

  /** These could not be written: the next changes include them again. */
  returnChanges(shards: Iterable<number>): void {
    for (const shard of shards) this.#shards.markChanged(shard);
    for (const key of this.#lifting) this.#lifted.add(key);
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
