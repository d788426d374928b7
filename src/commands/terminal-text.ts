import { presentable } from '../../machines/reasons/foreign-text.ts';

const longestText = 2000;

/** Untrusted text, made safe for a terminal. */
export function printable(text: string): string {
  return presentable(text, longestText);
}

/** The value as JSON that is safe for a terminal: what JSON leaves as it is, but a terminal acts upon, is escaped. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, undefined, 2).replaceAll(/[\u007F-\u009F\u2028\u2029]|\p{Cf}/gu, (character) =>
    character.split('').map(escaped).join(''),
  );
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** @param milliseconds rounded up to one second */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(Math.round(milliseconds / 1000), 0);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
