import { kindOfReason } from '../../../machines/ingress/status.ts';
import { durationText, printable } from '../terminal-text.ts';
import type { StatusRow } from './status-rows.ts';

const longestHosts = 60;

/**
 * The rows as a table, each problem on its own line.
 *
 * @param now milliseconds since the epoch
 */
export function statusTable(rows: readonly StatusRow[], now: number): string {
  const titles = ['INGRESS', 'SECRET', 'STATE', 'VALID FOR', 'NEXT', 'HOSTS'];
  const lines = rows.map((row) => ({
    cells: [
      row.ingress,
      row.secret ?? '',
      row.state,
      left(row.notAfter, now),
      next(row, now),
      hostsOf(row),
    ].map(printable),
    remark: row.message === undefined ? undefined : [row.reason, row.message].filter(Boolean).join(': '),
  }));
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...lines.map(({ cells }) => (cells[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [
    line(titles),
    ...lines.flatMap(({ cells, remark }) => [
      line(cells),
      ...(remark === undefined ? [] : [`    ${printable(remark)}`]),
    ]),
  ].join('\n');
}

function left(time: string | undefined, now: number): string {
  const at = Date.parse(time ?? '');
  if (Number.isNaN(at)) return '';
  return at <= now ? 'expired' : durationText(at - now);
}

function next({ state, reason, next: time }: StatusRow, now: number): string {
  const at = Date.parse(time ?? '');
  if (Number.isNaN(at)) return state === 'failed' && isRepeated(reason) ? 'retry in minutes' : '';
  const action = state === 'failed' ? 'retry' : 'renew';
  return at <= now ? `${action} now` : `${action} in ${durationText(at - now)}`;
}

/** The status has no time for what is repeated every few minutes. */
function isRepeated(reason: string | undefined): boolean {
  const kind = kindOfReason(reason);
  return kind === 'check' || kind === 'transient';
}

function hostsOf({ hosts }: StatusRow): string {
  const text = hosts.join(', ');
  return text.length > longestHosts ? `${text.slice(0, longestHosts)}… (${hosts.length})` : text;
}
