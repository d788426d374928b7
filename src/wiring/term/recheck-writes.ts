import { second } from '../../../machines/time/durations.ts';
import { sleep } from '../../time/clock.ts';
import type { Runtime } from '../runtime.ts';

/** Milliseconds. */
const interval = 30 * second;

/** Finds out that a record can be written again which nobody else may try to write for days; resolves when the signal is aborted. */
export async function recheckWrites(
  { clock, signal }: Pick<Runtime, 'clock' | 'signal'>,
  record: { recheckWrite(signal: AbortSignal): Promise<void> },
): Promise<void> {
  while (!signal.aborted) {
    await sleep(clock, interval, signal).catch(() => undefined);
    // The observer of the record is told.
    if (!signal.aborted) await record.recheckWrite(signal).catch(() => undefined);
  }
}
