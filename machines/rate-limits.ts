import type { LearnedBlock } from './learned-block.ts';
import type { LimitName, RateLimits } from './limits.ts';

/** An order that is to be made. */
export interface OrderRequest {
  readonly identifiers: readonly string[];
  /** `replacement`: the names had a certificate, which is gone or bad. */
  readonly purpose: 'first' | 'replacement' | 'renewal';
  /**
   * What the CA does not count it for.
   *
   * - `ari`: it says which certificate it replaces, within the window that the CA suggests: no limit holds.
   * - `same-set`: a certificate for exactly these names was issued within 120 days: it is free of
   *   `orders-per-account` and `certificates-per-registered-domain`.
   */
  readonly exemption: 'none' | 'same-set' | 'ari';
}

/** Why an order has to wait. */
export interface Hold {
  readonly cause: LimitName | 'blocked' | 'paused';
  /** For a person, such as `registered domain example.com`. */
  readonly scope: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** How full a bucket is. */
export interface BucketForecast {
  readonly limit: LimitName;
  readonly scope: string;
  /** Whole orders, certificates or failures that the CA allows now. */
  readonly level: number;
  readonly capacity: number;
  /** How many of them only renewals and replacements may use. */
  readonly reserved: number;
  /** When a first order finds room next, and when a renewal does; `now` if at once. */
  readonly nextFirst: number;
  readonly nextRenewal: number;
}

/** A part of the ledger as it is kept; undefined where nothing is left to keep. */
export interface LedgerShard {
  /** A small whole number. */
  readonly shard: number;
  readonly text: string | undefined;
}

/**
 * What the CA has left for us, by its own arithmetic. Nothing in it knows the time: each caller says what time it is,
 * best by the CA's clock.
 */
export class Ledger {
  readonly #rateLimits: RateLimits;
  readonly #registeredDomain: (host: string) => string;
  readonly #hash: (text: string) => string;

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
    this.#rateLimits = rateLimits;
    this.#registeredDomain = registeredDomain;
    this.#hash = hash;
  }

  /** What keeps an order waiting longest, or undefined if it may be made now. */
  hold(_order: OrderRequest, _now: number): Hold | undefined {
    return undefined;
  }

  /** The order is about to be sent, or was: from here on it counts, until one of the next three. */
  orderCreated(_order: OrderRequest, _now: number): void {}

  /** The CA made no order: nothing is spent. */
  orderRefused(_order: OrderRequest, _now: number): void {}

  /** The order came to an end without a certificate: it stays counted as an order. */
  orderEnded(_order: OrderRequest, _now: number): void {}

  certificateIssued(_order: OrderRequest, _now: number): void {}

  authorizationFailed(_identifier: string, _now: number): void {}

  authorizationSucceeded(_identifier: string): void {}

  /** @param order the order that was refused */
  learn(_block: LearnedBlock, _order: OrderRequest, _now: number): void {}

  /** A person says that the pause of these is lifted: they may be tried. Nothing else is forgotten. */
  liftPause(_identifiers: readonly string[]): void {}

  /** Every bucket that is not full, the emptiest first. */
  forecast(now: number): BucketForecast[] {
    const limit = this.#rateLimits.limits['orders-per-account'];
    const scope = this.#hash(this.#registeredDomain('account'));
    if (limit === undefined || scope === '') return [];
    const bucket = {
      level: limit.burst,
      capacity: limit.burst,
      reserved: 0,
      nextFirst: now,
      nextRenewal: now,
    };
    return [{ limit: 'orders-per-account', scope: 'this account', ...bucket }];
  }

  /**
   * Takes up what was kept, once, before anything else is asked.
   *
   * @param documents by shard
   * @returns sentences for the log about what could not be read, which is assumed to be spent
   */
  restore(_documents: ReadonlyMap<number, string>, _now: number): readonly string[] {
    return [];
  }

  /** What has changed since it was last asked: to be written, oldest first. Orders are counted some ahead of use. */
  takeChanges(_now: number): LedgerShard[] {
    return [];
  }

  /** These could not be written: they are among the next changes again. */
  returnChanges(_shards: Iterable<number>): void {}
}
