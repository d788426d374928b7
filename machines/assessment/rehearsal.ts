import type { DueReason } from './defects.ts';

const firstTime: ReadonlySet<DueReason> = new Set(['missing', 'empty', 'hosts-not-covered', 'host-left-out']);

/** Whether this reason suggests a first order: only those are rehearsed. */
export function isRehearsed(reason: DueReason): boolean {
  return firstTime.has(reason);
}

/** Marks a message of a rehearsal, to distinguish it from those of the production CA. */
export function inRehearsal(text: string): string {
  return `In the rehearsal (LEGO_REHEARSE): ${text}`;
}
