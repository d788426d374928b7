import type { LedgerBuckets } from './buckets.ts';
import type { OrderScopes } from './limit-keys.ts';
import { type OrderRequest, spentAtIssuance } from './order-limits.ts';

interface Open {
  readonly order: OrderRequest;
  readonly scopes: OrderScopes;
  /** The CA has created it, and counted it. */
  made: boolean;
}

/**
 * Orders reserved or in progress: they occupy the buckets until their result is known. The documents do not have them: after a crash
 * the order journal tells of them.
 */
export class LedgerOrders {
  readonly #buckets: LedgerBuckets;
  /** By the key of the exact set. */
  readonly #open = new Map<string, Open>();
  /** Of an earlier process, by the id of the journal's entry: no round ends them, but the end of the entry. */
  readonly #unfinished = new Map<string, Open>();

  constructor(buckets: LedgerBuckets) {
    this.#buckets = buckets;
  }

  /** An order of an earlier process that may be at the CA. */
  resume(entry: string, order: OrderRequest, scopes: OrderScopes, now: number): void {
    this.settle(entry, now);
    this.#unfinished.set(entry, this.#reserve(order, scopes, now));
  }

  /** The entry has ended: for all that is known, a certificate was issued. */
  settle(entry: string, now: number): void {
    const open = this.#unfinished.get(entry);
    if (open === undefined) return;
    this.#unfinished.delete(entry);
    this.#release(open, true, now);
    this.#spend(open, now);
  }

  create(order: OrderRequest, scopes: OrderScopes, now: number): void {
    this.end(scopes, true, now);
    if (this.#isUnfinished(scopes)) return;
    this.#open.set(scopes.set.key, this.#reserve(order, scopes, now));
  }

  /** Another order is asked for, whatever became of an unfinished one, which had no certificate then. */
  sent(order: OrderRequest, scopes: OrderScopes, now: number): void {
    for (const [entry, open] of this.#unfinished) {
      if (open.scopes.set.key !== scopes.set.key) continue;
      this.#unfinished.delete(entry);
      this.#release(open, true, now);
    }
    if (!this.#open.has(scopes.set.key)) this.create(order, scopes, now);
  }

  made({ set }: OrderScopes, now: number): void {
    const open = this.#open.get(set.key);
    if (open !== undefined) this.#make(open, now);
  }

  issued(order: OrderRequest, scopes: OrderScopes, now: number): void {
    this.end(scopes, true, now);
    if (!this.#isUnfinished(scopes)) this.#spend({ order, scopes }, now);
  }

  /** @param counted whether the CA may have counted it as an order */
  end(scopes: OrderScopes, counted: boolean, now: number): void {
    const open = this.#open.get(scopes.set.key);
    if (open === undefined) return;
    this.#open.delete(scopes.set.key);
    this.#release(open, counted, now);
  }

  #isUnfinished({ set }: OrderScopes): boolean {
    return [...this.#unfinished.values()].some(({ scopes }) => scopes.set.key === set.key);
  }

  #reserve(order: OrderRequest, scopes: OrderScopes, now: number): Open {
    if (order.exemption === 'none') this.#buckets.addPending('orders-per-account', scopes.account, 1, now);
    for (const [name, scope] of spentAtIssuance(order, scopes)) this.#buckets.addPending(name, scope, 1, now);
    return { order, scopes, made: false };
  }

  #make(open: Open, now: number): void {
    if (open.made) return;
    open.made = true;
    if (open.order.exemption !== 'none') return;
    this.#buckets.addPending('orders-per-account', open.scopes.account, -1, now);
    this.#buckets.spend('orders-per-account', open.scopes.account, now);
  }

  #release(open: Open, counted: boolean, now: number): void {
    const { order, scopes } = open;
    if (counted) this.#make(open, now);
    else if (order.exemption === 'none' && !open.made)
      this.#buckets.addPending('orders-per-account', scopes.account, -1, now);
    for (const [name, scope] of spentAtIssuance(order, scopes))
      this.#buckets.addPending(name, scope, -1, now);
  }

  #spend({ order, scopes }: Pick<Open, 'order' | 'scopes'>, now: number): void {
    for (const [name, scope] of spentAtIssuance(order, scopes)) this.#buckets.spend(name, scope, now);
  }
}
