import { after } from 'node:test';
import { OrderJournal } from '../../src/journal/order-journal.ts';
import { type Clock, systemClock } from '../../src/time/clock.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { SharedJournal } from './shared-journal.ts';

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
  const journal = new OrderJournal({
    store: shared.open(),
    isPrivateKey: () => true,
    isWanted: () => true,
    isTimeKnown: () => true,
    clock,
    signal: stop.signal,
    onTrouble: (trouble) => {
      throw trouble instanceof Error ? trouble : new Error(String(trouble));
    },
    onLetGo: () => undefined,
  });
  void journal.restore();
  return journal;
}

/** The options of steps that find no unfinished order. */
export function noUnfinishedOrders() {
  return {
    journal: memoryJournal(),
    ca: {
      directoryUrl: 'https://ca.example/directory',
      profile: undefined,
      clock: aheadOf(systemClock),
      progressOf: () => Promise.resolve({ finalized: false, retryAfter: undefined }),
    },
    keyType: 'ec-p256',
  } as const;
}
