import { minute } from '../time/durations.ts';
import { type LedgerParts, readLedger, writeShard } from './archive.ts';
import { type Block, LedgerBlocks } from './blocks.ts';
import { type BucketForecast, LedgerBuckets } from './buckets.ts';
import type { LearnedBlock } from './learned-block.ts';
import { bucketKey, LedgerKeys, type OrderScopes, type Scope } from './limit-keys.ts';
import { blockedBy, countedFor, limitOfBlock, type OrderRequest, spentAtIssuance } from './order-limits.ts';
import type { RateLimits } from './rate-limits.ts';
import { LedgerOrders } from './recent-orders.ts';
import { LedgerShards } from './shards.ts';

/** Why an order has to wait. */
export interface Hold {
  readonly cause: Block['cause'];
  /** For a person, such as `registered domain example.com`. */
  readonly scope: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** A part of the ledger as it is kept; undefined where nothing is left to keep. */
export interface LedgerShard {
  /** A small whole number. */
  readonly shard: number;
  readonly text: string | undefined;
}

const pruneInterval = 10 * minute;

/**
 * What the CA has left for us, by its own arithmetic. Nothing in it knows the time: each caller says what time it is,
 * best by the CA's clock.
 */
export class Ledger {
  readonly #keys: LedgerKeys;
  readonly #shards = new LedgerShards();
  readonly #blocks = new LedgerBlocks();
  readonly #buckets: LedgerBuckets;
  readonly #parts: LedgerParts;
  readonly #orders: LedgerOrders;
  /** Orders that are written down before they are made: a tenth of what the CA allows at once. */
  readonly #ahead: number;
  readonly #account: Scope;
  readonly #unavailableKey: string;
  /** The fullest that the bucket of orders can be found after a crash. */
  #coveredTat = 0;
  /** The same when what was taken last is written. */
  #takenTat = 0;
  #prunedAt = 0;

  /**
   * @param registeredDomain what a host is counted under (registered-domain.ts)
   * @param hash a short name for a text, which nobody can make the same for two texts; different for each CA, so that
   *   what was spent at one is not held against another (the first 16 characters of SHA-256 in base64url, of directory
   *   and text)
   */
  constructor(
    rateLimits: RateLimits,
    registeredDomain: (host: string) => string,
    hash: (text: string) => string,
  ) {
    this.#keys = new LedgerKeys(registeredDomain, hash);
    this.#buckets = new LedgerBuckets(rateLimits, this.#shards);
    this.#orders = new LedgerOrders(this.#buckets);
    this.#parts = { shards: this.#shards, buckets: this.#buckets, blocks: this.#blocks };
    this.#account = this.#keys.account;
    this.#unavailableKey = `U${this.#account.key}`;
    this.#ahead = Math.min(Math.floor((rateLimits.limits['orders-per-account']?.burst ?? 0) / 10), 50);
  }

  /**
   * What keeps an order waiting longest, or undefined if it may be made now.
   *
   * @param queue what those who wait before it are going to take; one that waits is added, and the time is that of its turn
   */
  hold(order: OrderRequest, now: number, queue?: Map<string, number>): Hold | undefined {
    const scopes = this.#keys.order(order.identifiers);
    const hold = this.#hold(order, scopes, now);
    if (hold === undefined || queue === undefined) return hold;
    return { ...hold, until: Math.max(hold.until, this.#timeAfter(order, scopes, queue, now)) };
  }

  #hold(order: OrderRequest, scopes: OrderScopes, now: number): Hold | undefined {
    let longest: Hold | undefined;
    for (const [name, scope] of countedFor(order, scopes)) {
      const until = this.#buckets.timeOf(name, scope, order.purpose === 'first' ? 'first' : 'other', now);
      if (until > Math.max(longest?.until ?? 0, now)) longest = { cause: name, scope: scope.words, until };
    }
    const refusal = this.#refusal(scopes, order.exemption, now);
    return refusal !== undefined && refusal.until >= (longest?.until ?? 0) ? refusal : longest;
  }

  /**
   * When this order finds room after others, whose counts are in `taken` and to which its own are added. Refusals are not looked at.
   */
  timeAfter(order: OrderRequest, taken: Map<string, number>, now: number): number {
    return this.#timeAfter(order, this.#keys.order(order.identifiers), taken, now);
  }

  #timeAfter(order: OrderRequest, scopes: OrderScopes, taken: Map<string, number>, now: number): number {
    let at = now;
    for (const [name, scope] of countedFor(order, scopes)) {
      const key = `${name} ${scope.key}`;
      const others = taken.get(key) ?? 0;
      const purpose = order.purpose === 'first' ? 'first' : 'other';
      at = Math.max(at, this.#buckets.timeOf(name, scope, purpose, now, others));
      if (!name.endsWith('authorization-failures')) taken.set(key, others + 1);
    }
    return at;
  }

  /** What the CA has refused, as far as it holds for this order: that there is no room for more is no reason to hold it back. */
  refusal(order: Pick<OrderRequest, 'identifiers' | 'exemption'>, now: number): Hold | undefined {
    return this.#refusal(this.#keys.order(order.identifiers), order.exemption, now);
  }

  /** By key: the scopes of such an order in which the CA has refused one, a day ago or less. */
  refusedLately(identifiers: readonly string[]): string[] {
    const keys = blockedBy(this.#keys.order(identifiers)).map(([key]) => key);
    return keys.filter((key) => this.#blocks.get(key) !== undefined);
  }

  /** The order is going to be made: its room is reserved, until it is made and one of the others says how it went. */
  orderCreated(order: OrderRequest, now: number): void {
    this.#orders.create(order, this.#keys.order(order.identifiers), now);
  }

  /**
   * The CA has made it. Only now is it spent: counted from its reservation, which was earlier, it would seem to come back earlier
   * than it does at the CA.
   */
  orderMade(order: OrderRequest, now: number): void {
    this.#orders.made(this.#keys.order(order.identifiers), now);
  }

  /** The CA made no order: nothing is spent. */
  orderRefused(order: OrderRequest, now: number): void {
    this.#orders.end(this.#keys.order(order.identifiers), false, now);
  }

  /** The order came to an end without a certificate, or without a word: it counts as an order. */
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
   * What a refusal says holds for exactly its scope, and for orders that are exempt, too, if this one was.
   * A second order that is refused in words that are not known means that the whole account is.
   *
   * @param order the order that was refused
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
   * The CA, being in trouble, asks all to wait. It is kept here to outlive the process, and holds nothing back: that is for the breaker.
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

  /** Until when the CA has asked all to wait; undefined if it has not. */
  unavailableUntil(now: number): number | undefined {
    return this.#blocks.inForce(this.#unavailableKey, 'ari', now)?.until;
  }

  /** A person says that the pause of these is lifted: they may be tried. Nothing else is forgotten. */
  liftPause(identifiers: readonly string[]): void {
    for (const [key] of blockedBy(this.#keys.order(identifiers))) {
      if (this.#blocks.get(key)?.cause !== 'paused') continue;
      this.#blocks.delete(key);
      this.#shards.delete(key, true);
    }
  }

  /** Every bucket that is not full, the emptiest first. */
  forecast(now: number): BucketForecast[] {
    return this.#buckets.forecast(now);
  }

  /** What the CA has refused and is still in force; that it is in trouble is no refusal. */
  blocks(now: number): Hold[] {
    return [...this.#blocks.entries()].flatMap(
      ([key, { cause, until, scope = 'not met since the start' }]) =>
        until > now && key !== this.#unavailableKey ? [{ cause, scope, until }] : [],
    );
  }

  /** Until when every order of the account that nothing exempts waits, by a refusal; undefined if none does. */
  accountBlockedUntil(now: number): number | undefined {
    return this.#blocks.inForce(`A${this.#account.key}`, 'none', now)?.until;
  }

  /** How many entries there are in memory. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Whether all orders that are reserved may be made before the next writing, so that a crash forgets none of them. */
  coversOrders(now: number): boolean {
    return this.#buckets.areCovered('orders-per-account', this.#account, this.#coveredTat, now);
  }

  /** The next changes cover some orders more: to be asked, and written, when not all are covered. */
  coverOrders(now: number): void {
    this.#buckets.keep('orders-per-account', this.#account, now);
  }

  /** Whether a crash before the next writing forgets nothing of the certificate that may come of this order within ten minutes. */
  coversCertificate({ identifiers }: Pick<OrderRequest, 'identifiers'>, now: number): boolean {
    return this.#orders.isRecorded(this.#keys.order(identifiers), now);
  }

  /** The next changes cover it: to be asked, and written, when it is not covered. */
  coverCertificate({ identifiers }: Pick<OrderRequest, 'identifiers'>, now: number): void {
    this.#orders.record(this.#keys.order(identifiers), now);
  }

  /**
   * Takes up what was kept, once, before anything else is asked.
   *
   * @param documents by shard
   * @returns sentences for the log about what could not be read, which is assumed to be spent
   */
  restore(documents: ReadonlyMap<number, string>, now: number): readonly string[] {
    return readLedger(this.#parts, documents, now);
  }

  /** What has changed since it was last asked, to be written. One of the next two is to be told how that went. */
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

  /** These could not be written: they are among the next changes again. */
  returnChanges(shards: Iterable<number>): void {
    this.#coveredTat = 0;
    this.#orders.endWriting(false);
    for (const shard of shards) this.#shards.markChanged(shard);
  }

  #refusal(scopes: OrderScopes, exemption: OrderRequest['exemption'], now: number): Hold | undefined {
    let longest: Hold | undefined;
    for (const [key, scope] of blockedBy(scopes)) {
      const block = this.#blocks.inForce(key, exemption, now);
      if (block === undefined || block.until < (longest?.until ?? 0)) continue;
      longest = { cause: block.cause, scope: scope.words, until: block.until };
    }
    return longest;
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
