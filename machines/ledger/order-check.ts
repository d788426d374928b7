import type { Exemption, LedgerBlocks } from './blocks.ts';
import type { LedgerBuckets } from './buckets.ts';
import { type Gate, type Hold, withoutKey } from './hold.ts';
import { bucketKey, type OrderScopes } from './limit-keys.ts';
import { blockedBy, countedFor, limitOfBlock, type OrderRequest, spentAtIssuance } from './order-limits.ts';
import type { LimitName } from './rate-limits.ts';

export interface Forecast {
  /** When the order fits into the limits, in milliseconds since the epoch. */
  readonly at: number;
  /** What holds it now, until then. */
  readonly hold: Hold | undefined;
}

/** A limit that several namespaces may spend. */
export interface SharedLimit {
  readonly limit: LimitName;
  readonly key: string;
  /** Milliseconds. */
  readonly period: number;
}

/** Whether the limits have room for an order, and no refusal of the CA applies to it. */
export class OrderCheck {
  readonly #buckets: LedgerBuckets;
  readonly #blocks: LedgerBlocks;

  constructor(buckets: LedgerBuckets, blocks: LedgerBlocks) {
    this.#buckets = buckets;
    this.#blocks = blocks;
  }

  /**
   * What holds this order the longest; undefined if it may be made now.
   *
   * @param ahead demand on limits, by key, that is met before this order
   */
  gate(
    order: OrderRequest,
    scopes: OrderScopes,
    now: number,
    ahead?: ReadonlyMap<string, number>,
  ): Gate | undefined {
    let longest: Gate | undefined;
    for (const [name, scope] of countedFor(order, scopes)) {
      const key = bucketKey(name, scope);
      const until = this.#buckets.timeOf(name, scope, order.purpose, now, ahead?.get(key));
      if (until <= Math.max(longest?.until ?? 0, now)) continue;
      const ofAccount = scope === scopes.account;
      const damaged = this.#buckets.damagedFor(name, scope, now);
      longest =
        damaged === undefined
          ? { cause: name, scope: scope.words, until, key, ofAccount }
          : { cause: 'damaged', scope: `document ${damaged}`, until, key, ofAccount };
    }
    const refusal = this.refusal(scopes, order.exemption, now);
    return refusal !== undefined && refusal.until >= (longest?.until ?? 0) ? refusal : longest;
  }

  /** When this order fits into the limits after those counted in `taken`, by key, to which its own counts are added. */
  foresee(order: OrderRequest, scopes: OrderScopes, taken: Map<string, number>, now: number): Forecast {
    const hold = withoutKey(this.gate(order, scopes, now));
    let at = hold?.until ?? now;
    for (const [name, scope] of countedFor(order, scopes)) {
      const key = bucketKey(name, scope);
      const others = taken.get(key) ?? 0;
      // Without others, it is in `hold`.
      if (others > 0) at = Math.max(at, this.#buckets.timeOf(name, scope, order.purpose, now, others));
      if (!name.endsWith('authorization-failures')) taken.set(key, others + 1);
    }
    return { at, hold: hold && { ...hold, until: at } };
  }

  /** The known limits that this order spends, and orders for other names spend as well. */
  sharedLimits(order: OrderRequest, scopes: OrderScopes): SharedLimit[] {
    const shared = new Map<string, SharedLimit>();
    for (const [limit, scope] of [...countedFor(order, scopes), ...spentAtIssuance(order, scopes)]) {
      const period = this.#buckets.periodOf(limit);
      if (period === undefined || (scope !== scopes.account && !scopes.domains.includes(scope))) continue;
      const key = bucketKey(limit, scope);
      shared.set(key, { limit, key, period });
    }
    return [...shared.values()];
  }

  /** The longest refusal of the CA that applies; ignores the limits. */
  refusal(scopes: OrderScopes, exemption: Exemption, now: number): Gate | undefined {
    // As nearly always: the keys of an order, made for each question, cost more than all the rest.
    if (this.#blocks.isEmpty) return undefined;
    let longest: Gate | undefined;
    for (const [key, scope] of blockedBy(scopes)) {
      const block = this.#blocks.inForce(key, exemption, now);
      if (block === undefined || block.until < (longest?.until ?? 0)) continue;
      const { cause, until } = block;
      const limit = limitOfBlock.get(key.charAt(0));
      longest = {
        cause,
        scope: scope.words,
        until,
        // The bucket of this limit is empty until then, too.
        key: limit === cause ? bucketKey(limit, scope) : key,
        ofAccount: scope === scopes.account,
      };
    }
    return longest;
  }
}
