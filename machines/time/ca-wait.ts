import { day } from './durations.ts';

/** Milliseconds. Upper bound of a Retry-After; no published limit of a CA exceeds a week. */
export const longestCaWait = 30 * day;
/** Milliseconds. A stored time further ahead comes from a wrong clock; the extra day allows for clocks that differ. */
export const plausibleCaWait = longestCaWait + day;
