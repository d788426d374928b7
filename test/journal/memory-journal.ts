import { after } from 'node:test';
import { OrderJournal } from '../../src/journal/order-journal.ts';
import { type Clock, systemClock } from '../../src/time/clock.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { SharedJournal } from './shared-journal.ts';

/** A journal in memory that is about to be read; it ends with the test. */
export function memoryJournal(shared = new SharedJournal(), clock: Clock = systemClock): OrderJournal {
  const stop = new AbortController();
  // What it would write later keeps no process alive.
  after(() => stop.abort());
  const journal = new OrderJournal({
    store: shared.open(),
    isPrivateKey: () => true,
    isWanted: () => true,
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
