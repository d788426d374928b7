import { plausibleCaWait } from '../time/ca-wait.ts';
import { day, second } from '../time/durations.ts';
import { pauseAfter, refusalLadder } from '../time/ladder.ts';
import type { LimitName } from './rate-limits.ts';

/** What the CA does not count an order for. */
export type Exemption = 'none' | 'same-set' | 'ari';

/** A refusal of the CA that is still in force, or was until lately. */
export interface Block {
  /** `unavailable`: no limit, but the CA is in trouble and has asked all to wait. */
  readonly cause: LimitName | 'blocked' | 'paused' | 'unavailable';
  readonly until: number;
  /** Orders with this exemption, or with less, wait. */
  readonly exemption: Exemption;
  /** How many in a row there were for the same scope. */
  readonly refusals: number;
  /** For a person; unknown of one that was kept over a restart, until it is met again. */
  readonly scope: string | undefined;
}

const rank: Readonly<Record<Exemption, number>> = { none: 0, 'same-set': 1, ari: 2 };

/** What the CA has refused, by scope. */
export class LedgerBlocks {
  readonly #blocks = new Map<string, Block>();

  get(key: string): Block | undefined {
    return this.#blocks.get(key);
  }

  restore(key: string, block: Block, now: number): void {
    this.#blocks.set(key, plausible(block, now));
  }

  delete(key: string): boolean {
    return this.#blocks.delete(key);
  }

  entries(): IterableIterator<[string, Block]> {
    return this.#blocks.entries();
  }

  /**
   * A refusal; one that is in force is never shortened.
   * @param retryAfter milliseconds; undefined if the CA does not say
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
    // Where the CA says that there is a limit and not until when: as after a failure.
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

  /** Until when an order with this exemption waits; undefined if it need not. */
  inForce(key: string, exemption: Exemption, now: number): Block | undefined {
    const block = this.#find(key, now);
    return block === undefined || block.until <= now || rank[exemption] > rank[block.exemption]
      ? undefined
      : block;
  }

  /** Blocks that have been over for so long that they say nothing about the next refusal. */
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

/** A time that a clock which was wrong has named must not hold until it comes: a day from when it is found. */
function plausible(block: Block, now: number): Block {
  return block.until > now + plausibleCaWait ? { ...block, until: now + day } : block;
}
