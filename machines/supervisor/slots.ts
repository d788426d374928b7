import { FairQueue } from './fair-queue.ts';
import type { Progress } from './round.ts';

/** Who may order: as many at a time as there are slots. */
export class Slots {
  readonly #count: number;
  readonly #awaiting = new Set<Progress>();
  readonly #orderingOf = new Map<string, number>();
  readonly #queue = new FairQueue<Progress>((namespace) => this.#orderingOf.get(namespace) ?? 0);
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
    else if (progress.stage === 'ordering') this.#changeOrdering(progress, -1);
    else return;
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
      this.#changeOrdering(first, 1);
      given.push(first);
    }
    return given;
  }

  #stopAwaiting(progress: Progress): void {
    this.#awaiting.delete(progress);
    this.#queue.delete(progress);
  }

  #changeOrdering({ round: { namespace } }: Progress, change: 1 | -1): void {
    this.#ordering += change;
    const count = (this.#orderingOf.get(namespace) ?? 0) + change;
    if (count > 0) this.#orderingOf.set(namespace, count);
    else this.#orderingOf.delete(namespace);
    this.#queue.changeShare(namespace, change);
  }
}
