import type { PlannedOrder } from '../authority/order-budget.ts';
import type { Hold } from '../ledger/hold.ts';
import type { FairQueue, Queued } from './fair-queue.ts';

/** One attempt to obtain a certificate. */
export interface Round extends PlannedOrder {
  /** When visitors begin to be affected, in milliseconds since the epoch. */
  readonly harmAt: number;
  /** The last round ended in a check before its order, which is repeated now. */
  readonly repeats?: boolean;
}

/** What a round may do now, or why it must wait. */
export type Grant =
  | { readonly id: string; readonly grant: 'admission' | 'slot' }
  | { readonly id: string; readonly grant: 'none'; readonly hold: Hold };

/** A round in the supervisor. */
export interface Progress extends Queued {
  readonly round: Round;
  /** Its exact set. */
  readonly identifiers: string;
  /** `lent`: its order goes on without a slot; `reclaiming`: it wants one again. */
  stage: 'waiting' | 'admitted' | 'awaiting-slot' | 'ordering' | 'lent' | 'reclaiming';
  /** Number of its hosts that count as admitted: those of a round that has ended its order do not. */
  occupies: number;
  /** Where it waits; undefined: for its turn. */
  lane: Lane | undefined;
  /** The lane that it has left when the limit had room, until it is admitted or held again. */
  from: Lane | undefined;
  /** As last reported. */
  hold: Hold | undefined;
  /** Keys of the limits in which it counts as its namespace's share. */
  shared: readonly string[];
}

/** Rounds of one kind that wait for one limit, narrower than the account's, or for another round with the same exact set. */
export interface Lane {
  readonly key: string;
  /** Key of the limit. */
  readonly limit: string;
  readonly queue: FairQueue<Progress>;
  /** Number of rounds that have left it because the limit has room, and are not yet admitted. */
  ahead: number;
}

/** Orders of one kind wait for the same limits: exemption and reserve are equal. In the order in which they may go. */
export const kinds = [
  'other ari',
  'other same-set',
  'other none',
  'first ari',
  'first same-set',
  'first none',
] as const;
export type Kind = (typeof kinds)[number];

export function kindOf({ purpose, exemption }: Pick<Round, 'purpose' | 'exemption'>): Kind {
  return `${purpose === 'first' ? 'first' : 'other'} ${exemption}`;
}
