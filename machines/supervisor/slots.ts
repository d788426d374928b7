import { FairQueue } from './fair-queue.ts';
import type { Progress } from './round.ts';
import { Shares } from './shares.ts';

/** The share of a namespace that is its orders. */
const slotShare = 'slots';

/** Who may order: as many at a time as there are slots. */
export class Slots {
  readonly #count: number;
  readonly #awaiting = new Set<Progress>();
  readonly #shares = new Shares((_, namespace, change) => this.#queue.changeShare(namespace, change));
  readonly #queue = new FairQueue<Progress>((namespace) => this.#shares.of(slotShare, namespace));
  /** They go first: each has an order at the CA, whose time runs. */
  readonly #reclaiming = new Set<Progress>();
  #ordering = 0;
  #lent = 0;

  constructor(count: number) {
    this.#count = count;
  }

  get ordering(): number {
    return this.#ordering;
  }

  /** Number of those whose order goes on without a slot, or wants one again. */
  get lent(): number {
    return this.#lent;
  }

  /** Those without a slot, before their order. */
  get awaiting(): ReadonlySet<Progress> {
    return this.#awaiting;
  }

  request(progress: Progress): void {
    if (progress.stage !== 'admitted') return;
    progress.stage = 'awaiting-slot';
    this.#awaiting.add(progress);
    this.#queue.add(progress);
  }

  /** The CA has nothing to do for this order now. */
  lend(progress: Progress): void {
    if (progress.stage !== 'ordering') return;
    this.#free(progress);
    this.#lent += 1;
    progress.stage = 'lent';
  }

  /** The order needs its slot again. */
  reclaim(progress: Progress): void {
    if (progress.stage !== 'lent') return;
    progress.stage = 'reclaiming';
    this.#reclaiming.add(progress);
  }

  /**
   * The order has ended, or is no longer needed.
   * @returns false if it had no slot, and has not asked for one
   */
  return(progress: Progress): boolean {
    if (progress.stage === 'awaiting-slot') this.#stopAwaiting(progress);
    else if (progress.stage === 'ordering') this.#free(progress);
    else if (progress.stage === 'lent' || progress.stage === 'reclaiming') {
      this.#reclaiming.delete(progress);
      this.#lent -= 1;
    } else return false;
    progress.stage = 'admitted';
    return true;
  }

  /** Gives free slots to orders that reclaim theirs. */
  giveBack(): Progress[] {
    const given: Progress[] = [];
    for (const progress of this.#reclaiming) {
      if (this.#ordering >= this.#count) break;
      this.#reclaiming.delete(progress);
      this.#lent -= 1;
      this.#take(progress);
      given.push(progress);
    }
    return given;
  }

  /**
   * Gives the free slots, after `giveBack`.
   * @param enter whether this round may contact the CA now; if not, nor may the others
   */
  give(enter: (progress: Progress) => boolean): Progress[] {
    const given: Progress[] = [];
    for (let { first } = this.#queue; first !== undefined; { first } = this.#queue) {
      if (this.#ordering >= this.#count || !enter(first)) break;
      this.#stopAwaiting(first);
      this.#take(first);
      given.push(first);
    }
    return given;
  }

  #take(progress: Progress): void {
    progress.stage = 'ordering';
    this.#ordering += 1;
    this.#shares.take(slotShare, progress.round.namespace);
  }

  #free({ round }: Progress): void {
    this.#ordering -= 1;
    this.#shares.giveBack(slotShare, round.namespace);
  }

  #stopAwaiting(progress: Progress): void {
    this.#awaiting.delete(progress);
    this.#queue.delete(progress);
  }
}
