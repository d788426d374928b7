import { type Clock, systemClock } from '../../src/time/clock.ts';

/**
 * The system clock, whose timers of a second and more take six times as long: pauses stay short, and no time limit ends because the
 * process of the test has stood still.
 */
export const unhurriedClock: Clock = {
  ...systemClock,
  setTimeout: (fn, ms) => systemClock.setTimeout(fn, ms < 1000 ? ms : 6 * ms),
};
