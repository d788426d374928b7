import type { Logger } from 'pino';
import { minute } from '../../../machines/time/durations.ts';
import type { CaClock } from './ca-clock.ts';

/** Milliseconds. */
const tolerated = 5 * minute;

/** Warns once when the local clock and the CA's differ, and again only after they have agreed in between. */
export class ClockWatch {
  readonly #ca: string;
  readonly #log: Pick<Logger, 'warn'>;
  #warned = false;

  /** @param ca its name, for the message */
  constructor(ca: string, log: Pick<Logger, 'warn'>) {
    this.#ca = ca;
    this.#log = log;
  }

  /** To be called after each answer of the CA. */
  check({ skew = 0 }: Pick<CaClock, 'skew'>): void {
    const disagree = Math.abs(skew) >= tolerated;
    if (disagree && !this.#warned) {
      const direction = skew > 0 ? 'behind' : 'ahead of';
      this.#log.warn(
        `The local clock is ${Math.round(Math.abs(skew) / minute)} minutes ${direction} that of ${this.#ca}: certificates may seem not valid yet or expired; where it is more than a day, they are judged by the CA's, within limits. Synchronise the clocks of the nodes (NTP).`,
      );
    }
    this.#warned = disagree;
  }
}
