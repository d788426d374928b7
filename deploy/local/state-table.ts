import { stripVTControlCharacters, styleText } from 'node:util';
import type { IngressState } from '../../machines/ingress/ingress-context.ts';
import type { IngressView } from '../../machines/ingress/ingress-view.ts';

type Style = Parameters<typeof styleText>[0];

const styles: Record<IngressState, Style> = {
  checking: 'cyan',
  queued: 'blue',
  'provisioning-challenge': 'yellow',
  validating: 'yellow',
  storing: 'cyan',
  'backing-off': 'red',
  idle: 'green',
};

/** A row of the table, each cell a text without line breaks. */
const columns = ['SOURCE', 'STATE', 'SINCE', 'NEXT', 'VALID FOR', 'HOSTS'] as const;

/**
 * Ingresses and Gateways as a table for a terminal, each with what is wrong with it on lines of its own.
 *
 * @param now milliseconds since the epoch
 * @param width characters of a line
 */
export function stateTable(views: readonly IngressView[], now: number, width: number): string {
  const rows = views.map((view) => ({
    cells: [
      view.ingress,
      styleText(view.hosts.length === 0 ? 'dim' : styles[view.state], view.state),
      duration(now - view.since),
      next(view, now),
      view.notAfter === undefined ? '' : duration(view.notAfter - now),
      // The longest come last: what the terminal cuts off is missed least.
      view.hosts.join(', '),
    ],
    remarks: [
      ...view.problems.map((text) => ({ text, style: 'red' }) as const),
      ...view.notices.map((text) => ({ text, style: 'dim' }) as const),
    ],
  }));
  const lines = [{ cells: columns.map((title) => styleText('bold', title)), remarks: [] }, ...rows];
  const widths = columns.map((_, column) =>
    Math.max(...lines.map(({ cells }) => visible(cells[column] ?? ''))),
  );
  return lines
    .flatMap(({ cells, remarks }) => [
      cells
        .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - visible(cell)))
        .join('  ')
        .trimEnd(),
      ...remarks.flatMap(({ text, style }) =>
        wrap(text, width - 4).map((line) => `    ${styleText(style, line)}`),
      ),
    ])
    .join('\n');
}

function next({ next: { action, at } }: IngressView, now: number): string {
  return at === undefined ? action : `${action} in ${duration(at - now)}`;
}

/** Two units at most: `59 d 23 h`, `4 min`, `12 s`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const units: [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([size]) => seconds >= size);
  if (first === -1) return '0 s';
  const [size = 1, unit = 's'] = units[first] ?? [];
  const whole = Math.floor(seconds / size);
  const [smaller = 0, smallerUnit = ''] = units[first + 1] ?? [];
  const rest = smaller === 0 ? 0 : Math.floor((seconds % size) / smaller);
  return rest > 0 && whole < 10 ? `${whole} ${unit} ${rest} ${smallerUnit}` : `${whole} ${unit}`;
}

function visible(cell: string): number {
  return stripVTControlCharacters(cell).length;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}
