import type { Logger } from 'pino';
import type { Backlog } from '../../machines/authority/backlog.ts';
import { hour, minute } from '../../machines/time/durations.ts';
import { guarded } from '../process/guarded.ts';
import type { Clock } from '../time/clock.ts';

export interface BacklogWatchOptions {
  /** The current backlog; undefined if nothing is queued. */
  readonly read: () => Backlog | undefined;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'error'>;
}

const interval = minute;
const logInterval = hour;
/** Fewer orders are not logged. */
const fewestLogged = 20;

/** Logs, while many orders wait for the CA's limits, how many have room within a day and when the last one has. */
export class BacklogWatch {
  readonly #options: BacklogWatchOptions;
  readonly #tick: () => void;
  #current: Backlog | undefined;
  #timer: unknown;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(options: BacklogWatchOptions) {
    const { log } = options;
    this.#options = options;
    this.#tick = guarded(
      () => {
        this.#arm();
        this.#update();
      },
      (error) => log.error(error, 'The backlog of orders could not be computed.'),
    );
  }

  start(): void {
    this.#arm();
  }

  /** At most a minute old. */
  get current(): Backlog | undefined {
    return this.#current;
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimeout(this.#tick, interval);
  }

  #update(): void {
    const { read, clock, log } = this.#options;
    const backlog = read();
    this.#current = backlog;
    const now = clock.monotonic();
    if (backlog === undefined || backlog.orders < fewestLogged || now - this.#loggedAt < logInterval) return;
    this.#loggedAt = now;
    const { orders, withinDay } = backlog;
    const lastAt = new Date(backlog.lastAt).toISOString();
    log.info(
      { orders, withinDay, lastAt },
      `${orders} certificates wait for room in the CA's limits: ${withinDay} have it within a day, the last one at ${lastAt}.`,
    );
  }
}
