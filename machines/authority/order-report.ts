import type { LearnedBlock } from '../ledger/learned-block.ts';

/** Progress of an order at the CA. `id`: of the round. */
export type OrderReport =
  /** An earlier round has sent newOrder for this, with an unknown result, and this one is about to send it again. */
  | { readonly type: 'ORDER_REPEATED'; readonly id: string }
  /** The newOrder request is about to be sent. */
  | { readonly type: 'ORDER_SENT'; readonly id: string }
  /** The CA has created the order, or returned an existing one: it has counted it. */
  | { readonly type: 'ORDER_MADE'; readonly id: string }
  /** The CA has not created an order; `block`: because of this limit. */
  | { readonly type: 'ORDER_REFUSED'; readonly id: string; readonly block: LearnedBlock | undefined }
  /** All authorizations are valid; the order is about to be finalized, and a certificate may be issued. */
  | { readonly type: 'HOSTS_PROVEN'; readonly id: string; readonly hosts: readonly string[] }
  | { readonly type: 'HOSTS_FAILED'; readonly id: string; readonly hosts: readonly string[] }
  /** `counted`: it was counted in the round that finalized the order, which was another one. */
  | { readonly type: 'CERTIFICATE_ISSUED'; readonly id: string; readonly counted?: true }
  /** The order has become invalid: no certificate will be issued. */
  | { readonly type: 'ORDER_FAILED'; readonly id: string }
  /** The CA refuses to continue an existing order because of a limit. */
  | { readonly type: 'LIMIT_MET'; readonly id: string; readonly block: LearnedBlock }
  /** The CA is busy, failing or unreachable; `retryAfter` in milliseconds, if given. */
  | { readonly type: 'CA_UNAVAILABLE'; readonly id: string; readonly retryAfter: number | undefined };
