import type { Logger } from 'pino';
import type { Backlog } from '../../machines/authority/backlog.ts';
import { hour, minute } from '../../machines/time/durations.ts';
import { guarded } from '../process/guarded.ts';
import type { Clock } from '../time/clock.ts';

export interface BacklogWatchOptions {
  /** Looks at the queue as it is now; undefined if nobody waits. */
  readonly look: () => Backlog | undefined;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'error'>;
}

/** Milliseconds. To look costs some milliseconds with thousands that wait. */
const interval = minute;
const logInterval = hour;
/** So many are no news. */
const worthSaying = 20;

/** Tells, as long as many wait for the CA's limits, how many have their turn today and when the last one has. */
export class BacklogWatch {
  readonly #options: BacklogWatchOptions;
  readonly #tick: () => void;
  #current: Backlog | undefined;
  #timer: unknown;
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(options: BacklogWatchOptions) {
    const { log } = options;
    this.#options = options;
    this.#tick = guarded(
      () => {
        this.#arm();
        this.#look();
      },
      (error) => log.error(error, 'The backlog of orders cannot be looked at.'),
    );
  }

  start(): void {
    this.#arm();
  }

  /** As it was a minute ago at most. */
  get current(): Backlog | undefined {
    return this.#current;
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimeout(this.#tick, interval);
  }

  #look(): void {
    const { look, clock, log } = this.#options;
    const backlog = look();
    this.#current = backlog;
    const now = clock.now();
    if (backlog === undefined || backlog.orders < worthSaying || now - this.#saidAt < logInterval) return;
    this.#saidAt = now;
    const { orders, withinDay } = backlog;
    const lastAt = new Date(backlog.lastAt).toISOString();
    log.info(
      { orders, withinDay, lastAt },
      `${orders} certificates wait for room in the CA's limits: ${withinDay} have it within a day, the last one at ${lastAt}.`,
    );
  }
}
