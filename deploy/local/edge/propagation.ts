import type { Clock } from '../../../src/time/clock.ts';

export interface Pace {
  /** milliseconds from a change to its effect, at least */
  readonly delay: number;
  /** milliseconds between two effects, at least: what has changed in between comes together; 0: each change by itself */
  readonly interval: number;
}

/**
 * Hands on each item after a while, in order: the time an ingress controller takes between seeing a change and serving by
 * it. One timer, however many items wait.
 */
export class Propagation<T> {
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #deliver: (item: T) => void;
  #waiting: { readonly item: T; readonly dueAt: number }[] = [];
  #timer: unknown;
  #deliveredAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, pace: Pace, deliver: (item: T) => void) {
    this.#clock = clock;
    this.#pace = pace;
    this.#deliver = deliver;
  }

  push(item: T): void {
    const now = this.#clock.now();
    const { delay, interval } = this.#pace;
    if (delay === 0 && interval === 0) {
      this.#deliver(item);
      return;
    }
    const dueAt = Math.max(now + delay, this.#deliveredAt + interval);
    this.#waiting.push({ item, dueAt });
    if (this.#waiting.length === 1) this.#arm(dueAt - now);
  }

  /** Forgets what is still waiting. */
  stop(): void {
    this.#waiting = [];
    this.#clock.clearTimeout(this.#timer);
  }

  #arm(delay: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#flush();
    }, delay);
  }

  #flush(): void {
    const now = this.#clock.now();
    const batched = this.#pace.interval > 0;
    const firstNotDue = batched ? -1 : this.#waiting.findIndex(({ dueAt }) => dueAt > now);
    const due = this.#waiting.splice(0, firstNotDue === -1 ? this.#waiting.length : firstNotDue);
    this.#deliveredAt = now;
    for (const { item } of due) this.#deliver(item);
    const next = this.#waiting[0];
    if (next !== undefined) this.#arm(next.dueAt - now);
  }
}
