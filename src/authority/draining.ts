import { untilAborted } from '../time/clock.ts';

/**
 * The end of a process, for its orders. When it drains, no new-order is sent and no challenge answered any more: the order stays in
 * the journal. What the CA is at work with may end, as long as this process is the one that answers and stores.
 */
export class Draining {
  /** By round. */
  readonly #underWay = new Map<string, Set<string>>();
  #begun = false;
  readonly #settled = Promise.withResolvers<void>();

  begin(): void {
    this.#begun = true;
    this.#settle();
  }

  /** Nothing is under way. */
  get isIdle(): boolean {
    return this.#underWay.size === 0;
  }

  /** Resolves when it drains and nothing is under way. @throws the signal's reason */
  settled(signal: AbortSignal): Promise<void> {
    return untilAborted(this.#settled.promise, signal);
  }

  /** Resolves when something new may be begun: at once, or never. @throws the signal's reason */
  async pass(signal: AbortSignal): Promise<void> {
    if (this.#begun) await untilAborted(new Promise<never>(() => undefined), signal);
  }

  /** The CA is at work with this part of a round's order. */
  add(round: string, part: string): void {
    const parts = this.#underWay.get(round) ?? new Set();
    this.#underWay.set(round, parts.add(part));
  }

  /** The CA is not, or so slowly that the order is better left to the next process. */
  delete(round: string, part: string): void {
    const parts = this.#underWay.get(round);
    parts?.delete(part);
    if (parts?.size === 0) this.end(round);
  }

  /** The round has ended. */
  end(round: string): void {
    if (this.#underWay.delete(round)) this.#settle();
  }

  /** Not before the parts of an order have followed one another. */
  #settle(): void {
    if (!this.#begun) return;
    setImmediate(() => {
      if (this.isIdle) this.#settled.resolve();
    });
  }
}
