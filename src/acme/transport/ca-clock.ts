/** `Date` headers tell whole seconds, cut off (RFC 9110, section 5.6.7). */
const resolution = 1000;

/**
 * How far a CA's clock is ahead of the one here. One `Date` header leaves it uncertain by a second; of many, the one that
 * was written just after the CA's clock struck is the closest. What is known is a lower bound, so that a wait until a time
 * of the CA's clock is never too short.
 */
export class CaClock {
  #offset: number | undefined;

  /** Milliseconds, at least; undefined before the first answer. */
  get offset(): number | undefined {
    return this.#offset;
  }

  /**
   * Takes up the `Date` of an answer; all times in milliseconds since the epoch.
   * @param sentAt when the request was sent, and `receivedAt` when the answer came, by the clock here as it is at the answer
   * @returns the time by the CA's clock when the answer came, at least
   */
  observe(date: number, sentAt: number, receivedAt: number): number {
    const known = this.#offset;
    const least = date - receivedAt;
    const most = date + resolution - sentAt;
    // One of the clocks was set back: what was known is of no use.
    const outdated = known === undefined || known > most;
    this.#offset = outdated ? least : Math.max(known, least);
    return receivedAt + this.#offset;
  }
}
