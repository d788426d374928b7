import { hour } from '../time/durations.ts';

/**
 * Milliseconds: the longest Retry-After that is obeyed with an order. A longer one is taken for a mistake, such as a wrong clock or a number
 * in another unit. Used by the order, and by the journal, which keeps the wait.
 */
export const longestOrderWait = hour;
