import { plausibleCaWait } from '../time/ca-wait.ts';
import { jitter, jittered, type Ladder, pauseAfter, troubleLadder } from '../time/ladder.ts';

export interface BreakerOptions {
  /** After so many failures in a row it opens; one may be a chance. */
  readonly threshold: number;
  /** Milliseconds. One that is let in to try and never tells how it went is not waited for longer. */
  readonly longestProbe: number;
}

/**
 * Wait, then one tries, then all: keeps everybody from the CA, or from what shares one fate at it, while that fails. All times in
 * milliseconds since the epoch, by the CA's clock.
 */
export class Breaker {
  readonly #threshold: number;
  readonly #longestProbe: number;
  #failures = 0;
  #pausedUntil = 0;
  /** Milliseconds that the pause which was begun last can have, if the CA names none. */
  #longestPause = 0;
  /** Until when the CA itself has asked to wait. */
  #namedUntil = 0;
  #probe: { readonly id: string; readonly until: number } | undefined;

  constructor({ threshold, longestProbe }: BreakerOptions) {
    this.#threshold = threshold;
    this.#longestProbe = longestProbe;
  }

  /** Whether it failed when it was last heard of. */
  get open(): boolean {
    return this.#failures >= this.#threshold || this.#pausedUntil > 0;
  }

  /** In a row; those that were under way together count once. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * When the next one may try, if none may now. While one tries that is when it is no longer waited for; the others
   * should ask again when they hear how it went.
   */
  closedUntil(now: number): number | undefined {
    this.#forgetImplausible(now);
    if (this.#pausedUntil > now) return this.#pausedUntil;
    const probe = this.#currentProbe(now);
    return this.open && probe !== undefined ? probe.until : undefined;
  }

  /** Until when the CA has asked all to wait, also those that were let in before; undefined if it has not. */
  namedUntil(now: number): number | undefined {
    this.#forgetImplausible(now);
    return this.#namedUntil > now ? this.#namedUntil : undefined;
  }

  /** Whether this one may ask now; while it is open only one at a time may. */
  enter(id: string, now: number): boolean {
    if (this.#currentProbe(now)?.id === id) return true;
    if (this.closedUntil(now) !== undefined) return false;
    if (this.open) this.#probe = { id, until: now + this.#longestProbe };
    return true;
  }

  /** A good answer. That to what was under way does not take back a wait that the CA has asked for in the meantime. */
  succeeded(now: number): void {
    this.#failures = 0;
    this.#pausedUntil = this.#namedUntil > now ? this.#namedUntil : 0;
    this.#probe = undefined;
  }

  /**
   * @param retryAfter milliseconds, if the CA says so: at once and for all, and never shortened
   * @param ladder the pauses where it does not, or says less
   */
  failed(id: string, now: number, retryAfter?: number, ladder: Ladder = troubleLadder): void {
    this.left(id);
    // Those that were under way when it began fail together, and count once.
    if (this.#pausedUntil <= now) this.#failures += 1;
    if (this.#failures < this.#threshold && retryAfter === undefined) return;
    const step = pauseAfter(ladder, this.#failures - this.#threshold + 1);
    this.#longestPause = step * (1 + jitter);
    if (retryAfter !== undefined) this.#namedUntil = Math.max(this.#namedUntil, now + retryAfter);
    const pausedUntil = now + jittered(step, `${id}#${this.#failures}`);
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#namedUntil, pausedUntil);
  }

  /** The CA had asked to wait until then before the process began. */
  resume(until: number): void {
    this.#namedUntil = Math.max(this.#namedUntil, until);
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
  }

  /** The one that was to try gave up, by no fault of the CA: another may. */
  left(id: string): void {
    if (this.#probe?.id === id) this.#probe = undefined;
  }

  /** A pause that is further ahead than any can be is that of a clock that was wrong when it began. */
  #forgetImplausible(now: number): void {
    if (this.#namedUntil > now + plausibleCaWait) this.#namedUntil = 0;
    const longest = Math.max(this.#longestPause, this.#namedUntil - now);
    this.#pausedUntil = Math.min(this.#pausedUntil, now + longest);
  }

  #currentProbe(now: number): { readonly id: string; readonly until: number } | undefined {
    const probe = this.#probe;
    // What is known of the CA's clock may go back at its first answer: that ends no probe.
    const plausible = probe !== undefined && probe.until <= now + 2 * this.#longestProbe;
    return plausible && probe.until > now ? probe : undefined;
  }
}
