import type { Forecast } from '../ledger/order-check.ts';
import { day, minute, second } from '../time/durations.ts';
import type { Progress } from './round.ts';

/** Rounds at a time: some milliseconds. */
const slice = 100;
/** Milliseconds for each round: it takes about 1 % of the time. */
const pace = 3;
/** Milliseconds from the beginning of one walk to the next. */
const interval = 5 * second;
/** Milliseconds. Without a change, the backlog is computed so often. */
const longestInterval = 10 * minute;

interface Walk {
  readonly rounds: Iterator<Progress>;
  /** Demand on each limit of the rounds that were passed. */
  readonly taken: Map<string, number>;
  anyHeld: boolean;
  /** How many have no room within 24 hours. */
  beyondDay: number;
  /** When the last one has, in milliseconds since the epoch. */
  lastAt: number;
}

type Outcome = Readonly<Pick<Walk, 'beyondDay' | 'lastAt'>>;

/**
 * When each waiting round can order. Its time depends on all those before it: after a change all are walked through in the order in
 * which they may go, a few at a time.
 */
export class Outlook {
  #walk: Walk | undefined;
  #begunAt = Number.NEGATIVE_INFINITY;
  #nextAt: number | undefined;
  /** Something has changed since the walk began. */
  #again = false;
  #result: Outcome | undefined;

  /** Of the last walk; undefined before its end. */
  get result(): Outcome | undefined {
    return this.#result;
  }

  /** When to call `walkOn`. */
  get next(): number | undefined {
    return this.#nextAt;
  }

  /** The order or the limits have changed. */
  changed(now: number): void {
    this.#again = true;
    if (this.#walk === undefined) this.#nextAt = Math.max(this.#begunAt + interval, now);
  }

  /** Nobody waits. */
  end(): void {
    this.#walk = undefined;
    this.#nextAt = undefined;
    this.#result = undefined;
  }

  /**
   * Goes on where it stopped, if it is time.
   * @param rounds all in order
   * @param foresee undefined for a round that no longer waits
   */
  walkOn(
    now: number,
    rounds: () => Iterator<Progress>,
    foresee: (progress: Progress, taken: Map<string, number>) => Forecast | undefined,
  ): void {
    if (this.#nextAt === undefined || this.#nextAt > now) return;
    if (this.#walk === undefined) {
      this.#again = false;
      this.#begunAt = now;
    }
    this.#walk ??= { rounds: rounds(), taken: new Map(), anyHeld: false, beyondDay: 0, lastAt: now };
    const walk = this.#walk;
    for (let count = 0; count < slice; count += 1) {
      const { done, value } = walk.rounds.next();
      if (done === true) {
        this.#result = walk;
        this.#walk = undefined;
        const refreshAt = walk.anyHeld ? now + longestInterval : undefined;
        this.#nextAt = this.#again ? Math.max(this.#begunAt + interval, now) : refreshAt;
        return;
      }
      const found = foresee(value, walk.taken);
      if (found === undefined) continue;
      if (found.hold !== undefined) walk.anyHeld = true;
      if (found.at > now + day) walk.beyondDay += 1;
      walk.lastAt = Math.max(walk.lastAt, found.at);
    }
    this.#nextAt = now + slice * pace;
  }
}
