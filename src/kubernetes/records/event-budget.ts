import { hour } from '../../../machines/time/durations.ts';
import type { Clock } from '../../time/clock.ts';

/** How many occurrences an Event stands for, and since when (milliseconds since the epoch). */
export interface EventShare {
  readonly count: number;
  readonly since: number;
}

interface Cause {
  /** In monotonic milliseconds. */
  readonly written: number[];
  heldBack: number;
  /** In milliseconds since the epoch. */
  heldBackSince: number;
}

/** Warnings repeat themselves; Normal Events are per certificate, of which a source may have many. */
const anHour = { Warning: 5, Normal: 20 } as const;
const mostCauses = 10_000;

/** Limits the Events of each cause (one reason of one object). */
export class EventBudget {
  readonly #clock: Clock;
  /** Least recently used first. */
  readonly #causes = new Map<string, Cause>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns undefined if it is suppressed; the next one's count includes it */
  take(event: {
    readonly source: { readonly uid: string };
    readonly type: 'Normal' | 'Warning';
    readonly reason: string;
  }): EventShare | undefined {
    const now = this.#clock.now();
    const passed = this.#clock.monotonic();
    const key = `${event.source.uid} ${event.reason}`;
    const cause = this.#causes.get(key) ?? { written: [], heldBack: 0, heldBackSince: now };
    this.#causes.delete(key);
    this.#forget(passed);
    this.#causes.set(key, cause);
    while (cause.written[0] !== undefined && cause.written[0] <= passed - hour) cause.written.shift();
    if (cause.written.length >= anHour[event.type]) {
      if (cause.heldBack === 0) cause.heldBackSince = now;
      cause.heldBack++;
      return undefined;
    }
    const share = { count: cause.heldBack + 1, since: cause.heldBack === 0 ? now : cause.heldBackSince };
    cause.written.push(passed);
    cause.heldBack = 0;
    return share;
  }

  /** Forgets causes without an Event for an hour, and the oldest ones beyond the maximum. */
  #forget(passed: number): void {
    for (const [key, { written }] of this.#causes) {
      const quiet = (written.at(-1) ?? passed) <= passed - hour;
      if (!quiet && this.#causes.size <= mostCauses) break;
      this.#causes.delete(key);
    }
  }
}
