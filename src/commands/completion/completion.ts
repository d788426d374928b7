// The completion of words for `kubectl lego`. Called by plugin.ts.

import { type Command, commands, help } from '../command-help.ts';
import { sourceWords } from '../command-line.ts';

/** Commands whose argument is a source, with a word for its kind before it unless that is Ingress. */
const ofSources: ReadonlySet<Command> = new Set(['explain', 'retry']);

type NamesOf = (kind: string) => Promise<readonly string[]>;

/**
 * What a word of the command line may become.
 *
 * @param words after the name of the program; the last one is to be completed, and may be empty
 * @param namesOf `namespace/name` of the sources of a kind, of those that may be listed
 */
export async function completionsOf(words: readonly string[], namesOf: NamesOf): Promise<string[]> {
  const begun = words.at(-1) ?? '';
  return (await candidates(words.slice(0, -1), begun, namesOf)).filter((word) => word.startsWith(begun));
}

async function candidates(
  before: readonly string[],
  begun: string,
  namesOf: NamesOf,
): Promise<readonly string[]> {
  const [word] = before;
  const command = commands.find((known) => known === word);
  if (word === undefined) return commands;
  if (command === undefined) return [];
  if (begun.startsWith('-')) return optionsOf(help[command]);
  const last = before.at(-1);
  if (last === '-o' || last === '--output') return ['text', 'json'];
  if (command === 'import' && before.length === 1) return ['cert-manager'];
  if (command === 'account' && before.length === 1) return ['rollover'];
  if (!ofSources.has(command)) return [];
  const taking = optionsWithValue(help[command]);
  const [kind, ...others] = before.filter(
    (other, at) => at > 0 && !other.startsWith('-') && !taking.has(before[at - 1] ?? ''),
  );
  if (kind === undefined) return [...Object.keys(sourceWords), ...(await namesOf('Ingress'))];
  const named = Object.hasOwn(sourceWords, kind.toLowerCase()) ? sourceWords[kind.toLowerCase()] : undefined;
  return named === undefined || others.length > 0 ? [] : namesOf(named);
}

/** The long options that a help lists. */
function optionsOf(text: string): string[] {
  return [...text.matchAll(/^ {2}(?:-\w, | {4})(--[a-z-]+)/gm)].flatMap(([, option]) => option ?? []);
}

/** The options that the next word is the value of. */
function optionsWithValue(text: string): ReadonlySet<string> {
  const found = text.matchAll(/^ {2}(?:(-\w), | {4})(--[a-z-]+) \S/gm);
  return new Set([...found].flatMap(([, short = '', long = '']) => [short, long]));
}
