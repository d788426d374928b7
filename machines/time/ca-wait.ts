import { day } from './durations.ts';

/** Milliseconds. A longer Retry-After is cut to it; no limit that a CA publishes is longer than a week. */
export const longestCaWait = 30 * day;
/** Milliseconds. A kept time that is further ahead was named by a clock that was wrong; the day more is for two that disagree. */
export const plausibleCaWait = longestCaWait + day;
