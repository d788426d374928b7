import { plausibleCaWait } from '../time/ca-wait.ts';
import { minute } from '../time/durations.ts';
import { jittered, pauseAfter, troubleLadder } from '../time/ladder.ts';

/** After so many failures in a row the CA is in trouble; one may be a chance. */
const threshold = 2;
/** One that is asked to try and never tells how it went is not waited for longer. */
const longestProbe = 5 * minute;

/**
 * Slows down all requests for new orders together while the CA is busy or out of reach: after a pause one of them tries,
 * and the first good answer lets all go on. It is nobody's failure. All times in milliseconds since the epoch.
 */
export class CaBreaker {
  #failures = 0;
  #pausedUntil = 0;
  /** Until when the CA itself has asked to wait. */
  #namedUntil = 0;
  #probe: { readonly id: string; readonly until: number } | undefined;

  /** Whether the CA was in trouble when it was last heard of. */
  get open(): boolean {
    return this.#failures >= threshold || this.#pausedUntil > 0;
  }

  /**
   * When the next one may try, if none may now. While one tries that is when it is no longer waited for; the others
   * should ask again when they hear how it went.
   */
  closedUntil(now: number): number | undefined {
    if (this.#pausedUntil > now + plausibleCaWait) {
      this.#pausedUntil = now + pauseAfter(troubleLadder, Number.POSITIVE_INFINITY);
      this.#namedUntil = 0;
    }
    if (this.#pausedUntil > now) return this.#pausedUntil;
    const probe = this.#currentProbe(now);
    return this.open && probe !== undefined ? probe.until : undefined;
  }

  /** Until when the CA has asked all to wait, also those that were let in before; undefined if it has not. */
  namedUntil(now: number): number | undefined {
    const until = this.closedUntil(now) === undefined ? 0 : this.#namedUntil;
    return until > now ? until : undefined;
  }

  /** Whether this one may ask the CA now; while the CA is in trouble only one at a time may. */
  enter(id: string, now: number): boolean {
    if (this.#currentProbe(now)?.id === id) return true;
    if (this.closedUntil(now) !== undefined) return false;
    if (this.open) this.#probe = { id, until: now + longestProbe };
    return true;
  }

  /**
   * The CA answered, be it with a refusal that is about the order. The answer to what was under way does not take back a wait
   * that the CA has asked for in the meantime.
   */
  succeeded(now: number): void {
    this.#failures = 0;
    this.#pausedUntil = this.#namedUntil > now ? this.#namedUntil : 0;
    this.#probe = undefined;
  }

  /**
   * The CA was busy (503, `Service busy`), out of order (500) or out of reach.
   * @param retryAfter milliseconds, if the CA says so: at once and for all, and never shortened
   */
  failed(id: string, now: number, retryAfter?: number): void {
    this.left(id);
    // Those that were under way when it began fail together, and count once.
    if (this.#pausedUntil <= now) this.#failures += 1;
    if (this.#failures < threshold && retryAfter === undefined) return;
    const step = pauseAfter(troubleLadder, this.#failures - threshold + 1);
    const pause = jittered(step, `${id}#${this.#failures}`);
    this.#namedUntil = Math.max(this.#namedUntil, now + (retryAfter ?? 0));
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#namedUntil, now + pause);
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

  #currentProbe(now: number): { readonly id: string; readonly until: number } | undefined {
    const probe = this.#probe;
    // What is known of the CA's clock goes back by up to a second at its first answer: that ends no probe.
    const plausible = probe !== undefined && probe.until <= now + 2 * longestProbe;
    return plausible && probe.until > now ? probe : undefined;
  }
}
