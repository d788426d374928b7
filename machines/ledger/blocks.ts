import { plausibleCaWait } from '../time/ca-wait.ts';
import { day, second } from '../time/durations.ts';
import { pauseAfter, refusalLadder } from '../time/ladder.ts';
import type { LimitName } from './rate-limits.ts';

/** The exemption of an order from rate limits, see `OrderRequest`; in ascending order. */
export const exemptions = ['none', 'same-set', 'ari'] as const;
export type Exemption = (typeof exemptions)[number];

/** A refusal of the CA, in force or recently expired. */
export interface Block {
  /** `unavailable`: not a limit, but a Retry-After of an unavailable CA. */
  readonly cause: LimitName | 'blocked' | 'paused' | 'unavailable';
  readonly until: number;
  /** Orders with this exemption or a lower one wait. */
  readonly exemption: Exemption;
  /** Consecutive ones for this scope. */
  readonly refusals: number;
  /** Display name; unknown after a restart, until the next order in the scope. */
  readonly scope: string | undefined;
}

const rank: Readonly<Record<Exemption, number>> = { none: 0, 'same-set': 1, ari: 2 };

/** The refusals of the CA, by scope. */
export class LedgerBlocks {
  readonly #blocks = new Map<string, Block>();

  get(key: string): Block | undefined {
    return this.#blocks.get(key);
  }

  /** One that is known here and lasts longer stays. */
  restore(key: string, block: Block, now: number): void {
    const known = this.#blocks.get(key);
    const restored = { ...plausible(block, now), scope: known?.scope };
    if (known === undefined || known.until < restored.until) this.#blocks.set(key, restored);
  }

  delete(key: string): boolean {
    return this.#blocks.delete(key);
  }

  entries(): IterableIterator<[string, Block]> {
    return this.#blocks.entries();
  }

  /**
   * Adds a refusal; never shortens one in force.
   * @param retryAfter milliseconds; undefined if not given by the CA
   * @returns until when it is in force
   */
  add(
    key: string,
    learned: Pick<Block, 'cause' | 'exemption' | 'scope'>,
    retryAfter: number | undefined,
    now: number,
  ): number {
    const before = this.#find(key, now);
    const refusals = before !== undefined && now < before.until + day ? before.refusals + 1 : 1;
    // Without Retry-After: the back-off of failures.
    const pause = learned.cause === 'paused' ? day : pauseAfter(refusalLadder, refusals);
    const until = now + Math.max(retryAfter ?? pause, second);
    const inForce = before !== undefined && before.until > now ? before : undefined;
    const wider =
      inForce !== undefined && rank[inForce.exemption] > rank[learned.exemption] ? inForce : learned;
    const longer = inForce !== undefined && inForce.until > until ? inForce : { ...learned, until };
    const block = {
      cause: longer.cause,
      until: longer.until,
      exemption: wider.exemption,
      refusals,
      scope: learned.scope,
    };
    this.#blocks.set(key, block);
    return block.until;
  }

  get isEmpty(): boolean {
    return this.#blocks.size === 0;
  }

  /** The block that an order with this exemption must wait for; undefined if there is none. */
  inForce(key: string, exemption: Exemption, now: number): Block | undefined {
    const block = this.#find(key, now);
    return block === undefined || block.until <= now || rank[exemption] > rank[block.exemption]
      ? undefined
      : block;
  }

  /** Keys of blocks that expired a day ago: the next refusal is not consecutive. */
  outdated(now: number): string[] {
    return [...this.#blocks].flatMap(([key, { until }]) => (until + day <= now ? [key] : []));
  }

  #find(key: string, now: number): Block | undefined {
    const block = this.#blocks.get(key);
    if (block === undefined) return undefined;
    const found = plausible(block, now);
    if (found !== block) this.#blocks.set(key, found);
    return found;
  }
}

/** Limits a time set by a wrong clock to one day from now. */
function plausible(block: Block, now: number): Block {
  return block.until > now + plausibleCaWait ? { ...block, until: now + day } : block;
}
