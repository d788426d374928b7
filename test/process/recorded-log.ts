import type { Logger } from 'pino';
import { isRecord } from '../../src/process/json.ts';
import { createLog } from '../../src/process/log.ts';

/** A log whose lines a test can read: a record a line. */
export function recordedLog(): {
  readonly log: Logger;
  readonly records: readonly Record<string, unknown>[];
} {
  const records: Record<string, unknown>[] = [];
  const write = (line: string): void => {
    const record: unknown = JSON.parse(line);
    if (isRecord(record)) records.push(record);
  };
  return { log: createLog({ logLevel: 'info', logType: 'json' }, { write }), records };
}
