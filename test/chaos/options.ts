import { parseArgs } from 'node:util';
import { UsageError } from '../simulation/simulate-options.ts';

/**
 * Options of a part, `--NAME VALUE`.
 *
 * @param numbers whole numbers by name, with what holds if one is not given
 * @param texts names of options with other values
 * @throws UsageError
 */
export function readOptions<N extends string, T extends string = never>(
  args: readonly string[],
  numbers: Readonly<Record<N, number>>,
  texts: readonly T[] = [],
): { readonly numbers: Readonly<Record<N, number>>; readonly texts: Readonly<Partial<Record<T, string>>> } {
  const options = Object.fromEntries(
    [...Object.keys(numbers), ...texts].map((name) => [name, { type: 'string' } as const]),
  );
  let values: Readonly<Record<string, string | undefined>>;
  try {
    values = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const read: Record<N, number> = { ...numbers };
  const given: Partial<Record<T, string>> = {};
  for (const name in numbers) {
    const text = values[name];
    if (text === undefined) continue;
    if (!/^\d{1,10}$/.test(text)) throw new UsageError(`--${name} takes a whole number, not ${text}.`);
    read[name] = Number(text);
  }
  for (const name of texts) {
    const text = values[name];
    if (text !== undefined) given[name] = text;
  }
  return { numbers: read, texts: given };
}
