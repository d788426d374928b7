import { minute } from '../time/durations.ts';
import type { LedgerBuckets } from './buckets.ts';
import type { OrderScopes } from './limit-keys.ts';
import { type OrderRequest, spentAtIssuance } from './order-limits.ts';

/** Milliseconds for which a certificate that is written down may still come: with the ten minutes that an order has, within `lateness`. */
const recordLife = 45 * minute;

interface Open {
  readonly order: OrderRequest;
  readonly scopes: OrderScopes;
  /** The CA has made it, and counted it. */
  made: boolean;
  /** Whether a crash would forget the certificate that may come of it. */
  record: 'none' | 'being-written' | 'written';
  /** When it was written, by the ledger's time. */
  recordedAt: number;
}

/** The orders that are going to be made or under way: what they take of the buckets until one knows how they end. */
export class LedgerOrders {
  readonly #buckets: LedgerBuckets;
  /** By the key of their exact set. */
  readonly #open = new Map<string, Open>();

  constructor(buckets: LedgerBuckets) {
    this.#buckets = buckets;
  }

  create(order: OrderRequest, scopes: OrderScopes, now: number): void {
    this.end(scopes, true, now);
    if (order.exemption === 'none') this.#buckets.addPending('orders-per-account', scopes.account, 1, now);
    for (const [name, scope] of spentAtIssuance(order, scopes)) this.#buckets.addPending(name, scope, 1, now);
    this.#open.set(scopes.set.key, { order, scopes, made: false, record: 'none', recordedAt: now });
  }

  made({ set }: OrderScopes, now: number): void {
    const open = this.#open.get(set.key);
    if (open === undefined || open.made) return;
    open.made = true;
    if (open.order.exemption !== 'none') return;
    this.#buckets.addPending('orders-per-account', open.scopes.account, -1, now);
    this.#buckets.spend('orders-per-account', open.scopes.account, now);
  }

  /** @param counted whether the CA may have counted it as an order */
  end(scopes: OrderScopes, counted: boolean, now: number): void {
    const open = this.#open.get(scopes.set.key);
    if (open === undefined) return;
    if (counted) this.made(scopes, now);
    else if (open.order.exemption === 'none' && !open.made)
      this.#buckets.addPending('orders-per-account', scopes.account, -1, now);
    this.#open.delete(scopes.set.key);
    for (const [name, scope] of spentAtIssuance(open.order, scopes))
      this.#buckets.addPending(name, scope, -1, now);
  }

  /** Whether the certificate that may come of this order now is written down as issued, as far as anything counts it. */
  isRecorded({ set }: OrderScopes, now: number): boolean {
    const open = this.#open.get(set.key);
    if (open === undefined || (open.record === 'written' && now <= open.recordedAt + recordLife)) return true;
    return !spentAtIssuance(open.order, open.scopes).some(([name]) => this.#buckets.isLimited(name));
  }

  /** The certificate that may come of this order is among the next changes. */
  record({ set }: OrderScopes, now: number): void {
    const open = this.#open.get(set.key);
    if (open === undefined) return;
    open.record = 'none';
    for (const [name, scope] of spentAtIssuance(open.order, open.scopes))
      this.#buckets.keep(name, scope, now);
  }

  /** All that has changed is going to be written now. */
  beginWriting(now: number): void {
    for (const open of this.#open.values()) {
      if (open.record !== 'none') continue;
      open.record = 'being-written';
      open.recordedAt = now;
    }
  }

  /** @param written whether that worked */
  endWriting(written: boolean): void {
    for (const open of this.#open.values())
      if (open.record === 'being-written') open.record = written ? 'written' : 'none';
  }
}
