import type { LearnedBlock } from '../ledger/learned-block.ts';

/** What a round tells of its order at the CA. `id` is that of the round. */
export type OrderReport =
  /** The request for the order is about to leave. */
  | { readonly type: 'ORDER_SENT'; readonly id: string }
  /** The CA has made the order, or handed back one that it had: it has counted it. */
  | { readonly type: 'ORDER_MADE'; readonly id: string }
  /** The CA has made no order; `block` if a limit is why. */
  | { readonly type: 'ORDER_REFUSED'; readonly id: string; readonly block: LearnedBlock | undefined }
  /** All that is left is to finalize the order: from now on a certificate may come of it. */
  | { readonly type: 'HOSTS_PROVEN'; readonly id: string; readonly hosts: readonly string[] }
  | { readonly type: 'HOSTS_FAILED'; readonly id: string; readonly hosts: readonly string[] }
  | { readonly type: 'CERTIFICATE_ISSUED'; readonly id: string }
  /** The CA has given up the order that it had made: no certificate comes of it. */
  | { readonly type: 'ORDER_FAILED'; readonly id: string }
  /** The CA does not go on with the order that it had made because of a limit. */
  | { readonly type: 'LIMIT_MET'; readonly id: string; readonly block: LearnedBlock }
  /** The CA is busy, out of order or out of reach; `retryAfter` in milliseconds, if it says so. */
  | { readonly type: 'CA_TROUBLED'; readonly id: string; readonly retryAfter: number | undefined };
