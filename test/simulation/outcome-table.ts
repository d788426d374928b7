import type { Outcome } from './run.ts';
import { hour, minute, second } from './time-units.ts';

const columns: readonly [title: string, width: number, cell: (outcome: Outcome) => string][] = [
  ['scenario', -15, ({ scenario }) => scenario],
  ['seed', 5, ({ seed }) => String(seed)],
  ['years', 6, ({ days }) => (days / 365).toFixed(2)],
  ['Ingresses', 10, ({ ingresses }) => String(ingresses)],
  ['restarts', 9, ({ restarts }) => String(restarts)],
  ['orders', 8, ({ orders }) => String(orders)],
  ['issued', 8, ({ issuances }) => String(issuances)],
  ['failed hosts', 13, ({ failedHosts }) => String(failedHosts)],
  ['refusals', 9, ({ refusals }) => String(refusals)],
  ['overdue', 8, ({ overdue }) => String(overdue)],
  ['expired', 8, ({ expired }) => String(expired)],
  ['longest wait', 13, ({ longestWait }) => duration(longestWait)],
  ['real seconds', 13, ({ seconds }) => seconds.toFixed(1)],
  ['CPU seconds', 12, ({ processorSeconds }) => processorSeconds.toFixed(1)],
  ['violations', 11, ({ violations }) => String(violations.length)],
];

export const heading = line(columns.map(([title]) => title));

/** A scenario that was run, as a line of the table. */
export function row(outcome: Outcome): string {
  return line(columns.map(([, , cell]) => cell(outcome)));
}

function line(cells: readonly string[]): string {
  const padded = cells.map((cell, index) => {
    const width = columns[index]?.[1] ?? 0;
    return width < 0 ? cell.padEnd(-width) : cell.padStart(width);
  });
  return `${padded.join('')}\n`;
}

function duration(milliseconds: number): string {
  if (milliseconds < 2 * minute) return `${Math.round(milliseconds / second)} s`;
  if (milliseconds < 3 * hour) return `${Math.round(milliseconds / minute)} min`;
  return `${Math.round(milliseconds / hour)} h`;
}
