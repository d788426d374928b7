import { plausibleCaWait } from '../time/ca-wait.ts';
import { jitter, jittered, type Ladder, pauseAfter, transientLadder } from '../time/ladder.ts';

export interface BreakerOptions {
  /** Consecutive failures until it opens; a single one may be accidental. */
  readonly threshold: number;
  /** Milliseconds. A probe without a result times out after this. */
  readonly longestProbe: number;
}

/**
 * Circuit breaker: while the CA (or one resource of it) fails, all requests wait, then one probe is let through, then all. Times in
 * milliseconds since the epoch, by the CA's clock.
 */
export class Breaker {
  readonly #threshold: number;
  readonly #longestProbe: number;
  #failures = 0;
  #pausedUntil = 0;
  /** Upper bound of the current pause without Retry-After, in milliseconds. */
  #longestPause = 0;
  /** End of the CA's own Retry-After. */
  #namedUntil = 0;
  #probe: { readonly id: string; readonly until: number } | undefined;

  constructor({ threshold, longestProbe }: BreakerOptions) {
    this.#threshold = threshold;
    this.#longestProbe = longestProbe;
  }

  /** Open or half-open: the last known result was a failure. */
  get open(): boolean {
    return this.#failures >= this.#threshold || this.#pausedUntil > 0;
  }

  /** Consecutive; concurrent ones count once. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * When the next probe may be sent; undefined if requests may be sent now. While a probe runs, this is its timeout; ask again when
   * its result is known.
   */
  closedUntil(now: number): number | undefined {
    this.#forgetImplausible(now);
    if (this.#pausedUntil > now) return this.#pausedUntil;
    const probe = this.#currentProbe(now);
    return this.open && probe !== undefined ? probe.until : undefined;
  }

  /** End of the CA's Retry-After, which also holds for requests that were let in before; undefined if there is none. */
  namedUntil(now: number): number | undefined {
    this.#forgetImplausible(now);
    return this.#namedUntil > now ? this.#namedUntil : undefined;
  }

  /** Whether a request may be sent now; while open, only one probe at a time. */
  enter(id: string, now: number): boolean {
    if (this.#currentProbe(now)?.id === id) return true;
    if (this.closedUntil(now) !== undefined) return false;
    if (this.open) this.#probe = { id, until: now + this.#longestProbe };
    return true;
  }

  /** Closes the breaker, but keeps a Retry-After: the answer may belong to a request sent before it. */
  succeeded(now: number): void {
    this.#failures = 0;
    this.#pausedUntil = this.#namedUntil > now ? this.#namedUntil : 0;
    this.#probe = undefined;
  }

  /**
   * @param retryAfter milliseconds, if given by the CA: opens at once and is never shortened
   * @param ladder pauses without Retry-After, and minimum with it
   */
  failed(id: string, now: number, retryAfter?: number, ladder: Ladder = transientLadder): void {
    this.left(id);
    // Concurrent requests fail together, and count once.
    if (this.#pausedUntil <= now) this.#failures += 1;
    if (this.#failures < this.#threshold && retryAfter === undefined) return;
    const step = pauseAfter(ladder, this.#failures - this.#threshold + 1);
    this.#longestPause = step * (1 + jitter);
    if (retryAfter !== undefined) this.#namedUntil = Math.max(this.#namedUntil, now + retryAfter);
    const pausedUntil = now + jittered(step, `${id}#${this.#failures}`);
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#namedUntil, pausedUntil);
  }

  /** Restores a Retry-After that the previous process received. */
  resume(until: number): void {
    this.#namedUntil = Math.max(this.#namedUntil, until);
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
  }

  /** The probe ended without contacting the CA: another may be sent. */
  left(id: string): void {
    if (this.#probe?.id === id) this.#probe = undefined;
  }

  /** A pause longer than possible comes from a wrong clock. */
  #forgetImplausible(now: number): void {
    if (this.#namedUntil > now + plausibleCaWait) this.#namedUntil = 0;
    const longest = Math.max(this.#longestPause, this.#namedUntil - now);
    this.#pausedUntil = Math.min(this.#pausedUntil, now + longest);
  }

  #currentProbe(now: number): { readonly id: string; readonly until: number } | undefined {
    const probe = this.#probe;
    // The estimate of the CA's clock may go back at its first answer: that must not end a probe.
    const plausible = probe !== undefined && probe.until <= now + 2 * this.#longestProbe;
    return plausible && probe.until > now ? probe : undefined;
  }
}
