import type { CaClock } from '../../src/acme/transport/ca-clock.ts';
import type { Clock } from '../../src/time/clock.ts';

/** The clock of a CA that is ahead of this one by so many milliseconds. */
export function aheadOf(clock: Pick<Clock, 'now'>, ahead = 0): Pick<CaClock, 'now' | 'byMachine'> {
  return { now: () => clock.now() + ahead, byMachine: (at) => at - ahead };
}
