import { FairQueue } from './fair-queue.ts';
import { type Kind, kindOf, kinds, type Progress } from './round.ts';

interface Turn {
  readonly queue: FairQueue<Progress>;
  /** The account has no room for this kind before; milliseconds since the epoch. */
  closedUntil: number;
}

/** Rounds that no limit holds, or that of the account: one queue for each kind. */
export class TurnQueues {
  readonly #turns: ReadonlyMap<Kind, Turn>;

  /** @param shareOf see `FairQueue` */
  constructor(shareOf: (namespace: string) => number) {
    this.#turns = new Map(kinds.map((kind) => [kind, { queue: new FairQueue(shareOf), closedUntil: 0 }]));
  }

  add(progress: Progress): FairQueue<Progress> {
    const { queue } = this.#of(progress);
    queue.add(progress);
    return queue;
  }

  delete(progress: Progress): void {
    this.#of(progress).queue.delete(progress);
  }

  /** @param progress of the kind */
  close(progress: Progress, until: number): void {
    this.#of(progress).closedUntil = until;
  }

  /** @param progress of the kind */
  open(progress: Progress): void {
    this.close(progress, 0);
  }

  openAll(): void {
    for (const turn of this.#turns.values()) turn.closedUntil = 0;
  }

  /** Whose turn it is among all kinds that are not closed. */
  first(now: number): Progress | undefined {
    let first: FairQueue<Progress> | undefined;
    for (const { queue, closedUntil } of this.#turns.values()) {
      const open = closedUntil <= now && queue.size > 0;
      if (open && (first === undefined || queue.isBefore(first))) first = queue;
    }
    return first?.first;
  }

  /** When a closed kind opens. */
  next(now: number): number | undefined {
    let next: number | undefined;
    for (const { queue, closedUntil } of this.#turns.values()) {
      if (queue.size > 0 && closedUntil > now) next = Math.min(next ?? closedUntil, closedUntil);
    }
    return next;
  }

  changeShare(namespace: string, change: 1 | -1): void {
    for (const { queue } of this.#turns.values()) queue.changeShare(namespace, change);
  }

  /** All of them, in the order in which they may go. */
  *inOrder(): Generator<Progress, void> {
    for (const { queue } of this.#turns.values()) yield* queue.inTurn();
  }

  #of({ round }: Progress): Turn {
    const turn = this.#turns.get(kindOf(round));
    if (turn === undefined) throw new Error('there is a queue for each kind');
    return turn;
  }
}
