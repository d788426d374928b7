import { second } from '../../time/durations.ts';

/** Milliseconds by which a watch may be behind another one. What is older comes from a namespace that could not be read before. */
const watchLag = 5 * second;

/**
 * How old claims are: the serial number of the change that brought them. Those of new sources count as no younger than those of sources
 * that were created after them and seen before, because the watches of several namespaces do not tell in the order of creation.
 */
export class ClaimAges {
  /** Of the current change; 0: ownership is not decided yet. */
  #current = 0;
  /** The seconds of the newest sources, in milliseconds since the epoch, each with the serial number that their claims have. */
  readonly #newest = new Map<number, number>();

  get current(): number {
    return this.#current;
  }

  /** Of what a new source claims. @param createdAt of the source, in milliseconds since the epoch */
  ofNew(createdAt: number): number {
    return this.#current === 0 ? 0 : this.#see(createdAt);
  }

  /** A claim that comes later is younger than all that are there. */
  endChange(): void {
    this.#current += 1;
  }

  /**
   * Likewise, when ownership is first decided.
   * @param times at which the sources were created, in milliseconds since the epoch
   */
  endFirstChange(times: readonly number[]): void {
    const latest = times.reduce((one, other) => Math.max(one, other), 0);
    for (const time of times) if (time > latest - watchLag - second) this.#see(time);
    this.endChange();
  }

  #see(time: number): number {
    const createdAt = Math.floor(time / second) * second;
    const latest = Math.max(createdAt, ...this.#newest.keys());
    if (createdAt < latest - watchLag) return this.#current;
    const notOlder = [...this.#newest].filter(([at]) => at >= createdAt).map(([, serial]) => serial);
    const serial = Math.min(this.#current, ...notOlder);
    this.#newest.set(createdAt, serial);
    for (const at of this.#newest.keys()) if (at < latest - watchLag) this.#newest.delete(at);
    return serial;
  }
}
