import { minute } from '../../../machines/time/durations.ts';
import { doubledPause } from '../../../machines/time/ladder.ts';
import type { Clock } from '../../time/clock.ts';

const longestPause = 5 * minute;
/** Milliseconds: who has changed the object so long ago is no longer fought with. */
const memory = 10 * minute;

/** How soon an object is written again that somebody else changes each time. */
export class RepairPace {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #shortestPause: number;
  #count = 0;
  #lastAt = Number.NEGATIVE_INFINITY;

  /** @param shortestPause milliseconds before the first repair */
  constructor(clock: Pick<Clock, 'monotonic'>, shortestPause: number) {
    this.#clock = clock;
    this.#shortestPause = shortestPause;
  }

  /** Milliseconds from the last write to the next repair. */
  get pause(): number {
    return doubledPause(this.#shortestPause, longestPause, this.#recent + 1);
  }

  begin(): void {
    this.#count = this.#recent + 1;
    this.#lastAt = this.#clock.monotonic();
  }

  get #recent(): number {
    return this.#clock.monotonic() - this.#lastAt > memory ? 0 : this.#count;
  }
}
