import { OrderJournal } from '../../src/journal/order-journal.ts';
import { type Clock, systemClock } from '../../src/time/clock.ts';
import { aheadOf } from '../time/ahead-clock.ts';
import { SharedJournal } from './shared-journal.ts';

/** A journal in memory that is about to be read, until the signal; for what is no test, too (memory-journal.ts makes its process one). */
export function unendedJournal(
  signal: AbortSignal,
  shared = new SharedJournal(),
  clock: Clock = systemClock,
): OrderJournal {
  const journal = new OrderJournal({
    store: shared.open(),
    isPrivateKey: () => true,
    isWanted: () => true,
    isTimeKnown: () => true,
    clock,
    signal,
    onTrouble: (trouble) => {
      throw trouble instanceof Error ? trouble : new Error(String(trouble));
    },
    onLetGo: () => undefined,
  });
  void journal.restore();
  return journal;
}

/** The options of steps that find no unfinished order in the journal. */
export function ordersIn(journal: OrderJournal) {
  return {
    journal,
    ca: {
      directoryUrl: 'https://ca.example/directory',
      profile: undefined,
      clock: aheadOf(systemClock),
      progressOf: () => Promise.resolve({ finalized: false, retryAfter: undefined }),
    },
    keyType: 'ec-p256',
  } as const;
}
