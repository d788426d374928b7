import { second } from '../../machines/time/durations.ts';
import { type Clock, sleep } from '../time/clock.ts';

/** The heap of this process. */
export interface ProcessHeap {
  /** Milliseconds of CPU since the start, of all threads. */
  cpu(): number;
  /** Bytes in use, garbage included. */
  used(): number;
  /** Collects all garbage, and gives what is free back to the system. */
  collect(): Promise<void>;
}

export interface RestingHeapOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Undefined if Node was started without `--expose-gc`. */
  readonly heap: ProcessHeap | undefined;
}

/** Milliseconds. */
const interval = 15 * second;
/** Milliseconds of CPU in an interval. */
const busy = 300;
/** Bytes: a collection is one turn of the event loop, of 0.6 ms of CPU for each megabyte that lives. */
const largest = 160e6;

/**
 * Collects garbage once after each burst of work: V8 does so when something is allocated, and while nothing is, the process keeps what
 * the burst has needed. A large heap is left to V8. Resolves when the signal is aborted.
 */
export async function tendHeap({ clock, heap, signal }: RestingHeapOptions): Promise<void> {
  if (heap === undefined) return;
  let hasWorked = true;
  let before = heap.cpu();
  for (;;) {
    await sleep(clock, interval, signal).catch(() => undefined);
    if (signal.aborted) return;
    const isBusy = heap.cpu() - before >= busy;
    if (!isBusy && hasWorked && heap.used() <= largest) await heap.collect();
    hasWorked = isBusy;
    before = heap.cpu();
  }
}

/** That of V8. */
export function v8Heap(): ProcessHeap | undefined {
  const { gc } = globalThis;
  if (gc === undefined) return undefined;
  return {
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    used: () => process.memoryUsage().heapUsed,
    collect: async () => {
      await gc({ type: 'major', execution: 'async', flavor: 'last-resort' });
    },
  };
}
