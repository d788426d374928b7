import { styleText } from 'node:util';

/** One line of the result. */
export interface Row {
  readonly what: string;
  /** Measured value of the best other controller; '–' if unknown. */
  readonly peer: string;
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

const titles = ['what', "today's best peer", 'goal', 'measured', 'met?'] as const;

/** The rows as a table for a terminal, each as high as its longest cell. */
export function table(rows: readonly Row[]): string {
  const widths = [44, 18, 24, 58, 4];
  const cells = rows.map(({ what, peer, goal, measured, met }) => [
    what,
    peer,
    goal,
    measured,
    met ? 'yes' : 'NO',
  ]);
  const rule = widths.map((width) => '─'.repeat(width)).join('─┼─');
  const body = cells.map((row) => lines(row, widths));
  return [styleText('bold', lines(titles, widths)), rule, ...body].join('\n');
}

function lines(row: readonly string[], widths: readonly number[]): string {
  const columns = row.map((cell, index) => wrap(cell, widths[index] ?? 0));
  const height = Math.max(...columns.map((column) => column.length));
  return Array.from({ length: height }, (_, line) =>
    columns
      .map((column, index) => (column[line] ?? '').padEnd(widths[index] ?? 0))
      .join(' │ ')
      .trimEnd(),
  ).join('\n');
}

function wrap(text: string, width: number): string[] {
  const wrapped: string[] = [];
  for (const word of text.split(' ')) {
    const last = wrapped.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      wrapped[wrapped.length - 1] = `${last} ${word}`;
    else wrapped.push(word);
  }
  return wrapped;
}
