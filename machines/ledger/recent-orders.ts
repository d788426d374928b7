import { minute } from '../time/durations.ts';
import type { LedgerBuckets } from './buckets.ts';
import type { OrderScopes } from './limit-keys.ts';
import { type OrderRequest, spentAtIssuance } from './order-limits.ts';

/** How long a record covers a certificate not yet issued, in milliseconds; with the ten minutes of an order, within `lateness`. */
const recordLife = 45 * minute;

interface Open {
  readonly order: OrderRequest;
  readonly scopes: OrderScopes;
  /** The CA has created it, and counted it. */
  made: boolean;
  /** Whether its certificate is counted in the documents, in case of a crash. */
  record: 'none' | 'being-written' | 'written';
  /** When that was written. */
  recordedAt: number;
}

/** Orders reserved or in progress: they occupy the buckets until their result is known. */
export class LedgerOrders {
  readonly #buckets: LedgerBuckets;
  /** By the key of the exact set. */
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

  /** Whether the certificate that this order may yield is recorded as issued, or no limit counts it. */
  isRecorded({ set }: OrderScopes, now: number): boolean {
    const open = this.#open.get(set.key);
    if (open === undefined || (open.record === 'written' && now <= open.recordedAt + recordLife)) return true;
    return !spentAtIssuance(open.order, open.scopes).some(([name]) => this.#buckets.isLimited(name));
  }

  /** Includes the certificate that this order may yield in the next changes. */
  record({ set }: OrderScopes, now: number): void {
    const open = this.#open.get(set.key);
    if (open === undefined) return;
    open.record = 'none';
    for (const [name, scope] of spentAtIssuance(open.order, open.scopes))
      this.#buckets.keep(name, scope, now);
  }

  /** All changes are about to be written. */
  beginWriting(now: number): void {
    for (const open of this.#open.values()) {
      if (open.record !== 'none') continue;
      open.record = 'being-written';
      open.recordedAt = now;
    }
  }

  /** @param written false: the write failed */
  endWriting(written: boolean): void {
    for (const open of this.#open.values())
      if (open.record === 'being-written') open.record = written ? 'written' : 'none';
  }
}
