import type { DueReason } from './defects.ts';

const firstTime: ReadonlySet<DueReason> = new Set(['missing', 'empty', 'hosts-not-covered', 'host-left-out']);

/** Whether what is due for this reason is ordered for the first time, as far as can be seen: nothing else is rehearsed. */
export function isRehearsed(reason: DueReason): boolean {
  return firstTime.has(reason);
}

/** What is told of a rehearsal, so that nobody takes it for the real CA's word. */
export function inRehearsal(text: string): string {
  return `In the rehearsal (LEGO_REHEARSE): ${text}`;
}
