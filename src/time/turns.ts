import { setImmediate as nextTurn } from 'node:timers/promises';

/** Milliseconds of work in one turn of the event loop: probes and challenges are answered between them. */
const share = 10;

/** Long work that leaves the event loop to others: `if (turns.isOver) await turns.next();` after each part of it. */
export class Turns {
  #began = performance.now();

  /** This turn has taken its share of the time. */
  get isOver(): boolean {
    return performance.now() - this.#began >= share;
  }

  /** Resolves when all others had their turn. */
  async next(): Promise<void> {
    // After I/O, Node runs the first one before it looks for more I/O.
    await nextTurn();
    await nextTurn();
    this.#began = performance.now();
  }
}
