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
  #ordering = 0;

  constructor(count: number) {
    this.#count = count;
  }

  get ordering(): number {
    return this.#ordering;
  }

  /** Those without a slot. */
  get awaiting(): ReadonlySet<Progress> {
    return this.#awaiting;
  }

  request(progress: Progress): void {
    if (progress.stage !== 'admitted') return;
    progress.stage = 'awaiting-slot';
    this.#awaiting.add(progress);
    this.#queue.add(progress);
  }

  /** The order has ended, or is no longer needed. */
  return(progress: Progress): void {
    if (progress.stage === 'awaiting-slot') this.#stopAwaiting(progress);
    else if (progress.stage === 'ordering') {
      this.#ordering -= 1;
      this.#shares.giveBack(slotShare, progress.round.namespace);
    } else return;
    progress.stage = 'admitted';
  }

  /**
   * Gives the free slots.
   * @param enter whether this round may contact the CA now; if not, nor may the others
   */
  give(enter: (progress: Progress) => boolean): Progress[] {
    const given: Progress[] = [];
    for (let { first } = this.#queue; first !== undefined; { first } = this.#queue) {
      if (this.#ordering >= this.#count || !enter(first)) break;
      this.#stopAwaiting(first);
      first.stage = 'ordering';
      this.#ordering += 1;
      this.#shares.take(slotShare, first.round.namespace);
      given.push(first);
    }
    return given;
  }

  #stopAwaiting(progress: Progress): void {
    this.#awaiting.delete(progress);
    this.#queue.delete(progress);
  }
}
