import type { CaClock } from '../../src/acme/transport/ca-clock.ts';
import type { Clock } from '../../src/time/clock.ts';

/** The clock of a CA that is ahead of this one by so many milliseconds. */
export function aheadOf(clock: Clock, ahead = 0): Pick<CaClock, keyof Clock | 'byMachine'> {
  return {
    now: () => clock.now() + ahead,
    monotonic: () => clock.monotonic(),
    byMachine: (at) => at - ahead,
    setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
}
