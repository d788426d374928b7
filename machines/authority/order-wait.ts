import { hour } from '../time/durations.ts';

/**
 * Milliseconds for which a CA is heeded that asks to wait with the next question about an order. A longer Retry-After is not meant: a wrong
 * clock, or a number in another unit. Called by the order, and by the journal, which keeps the wait.
 */
export const longestOrderWait = hour;
