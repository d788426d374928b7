import type { Clock } from '../../../src/time/clock.ts';

/**
 * Hands on each item after a fixed delay, in order: the time an ingress controller takes between seeing a change and
 * serving by it. One timer, however many items wait.
 */
export class Propagation<T> {
  readonly #clock: Clock;
  /** milliseconds */
  readonly #delay: number;
  readonly #deliver: (item: T) => void;
  #waiting: { readonly item: T; readonly dueAt: number }[] = [];
  #timer: unknown;

  constructor(clock: Clock, delay: number, deliver: (item: T) => void) {
    this.#clock = clock;
    this.#delay = delay;
    this.#deliver = deliver;
  }

  push(item: T): void {
    if (this.#delay === 0) {
      this.#deliver(item);
      return;
    }
    this.#waiting.push({ item, dueAt: this.#clock.now() + this.#delay });
    if (this.#waiting.length === 1) this.#arm(this.#delay);
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
    const firstNotDue = this.#waiting.findIndex(({ dueAt }) => dueAt > now);
    const due = this.#waiting.splice(0, firstNotDue === -1 ? this.#waiting.length : firstNotDue);
    for (const { item } of due) this.#deliver(item);
    const next = this.#waiting[0];
    if (next !== undefined) this.#arm(next.dueAt - now);
  }
}
