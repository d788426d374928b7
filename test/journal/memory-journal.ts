import { after } from 'node:test';
import type { OrderJournal } from '../../src/journal/order-journal.ts';
import { type Clock, systemClock } from '../../src/time/clock.ts';
import { SharedJournal } from './shared-journal.ts';
import { ordersIn, unendedJournal } from './unended-journal.ts';

/** Of all journals of the file. */
const stops = new Set<AbortController>();
// What they would write later keeps no process alive. Not a hook for each: one of `beforeEach` ends the last test's journal in its middle.
after(() => {
  for (const stop of stops) stop.abort();
});

/** A journal in memory that is about to be read; it ends with the tests of the file. */
export function memoryJournal(shared = new SharedJournal(), clock: Clock = systemClock): OrderJournal {
  const stop = new AbortController();
  stops.add(stop);
  return unendedJournal(stop.signal, shared, clock);
}

/** The options of steps that find no unfinished order. */
export function noUnfinishedOrders() {
  return ordersIn(memoryJournal());
}
