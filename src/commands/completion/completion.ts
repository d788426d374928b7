// The completion of words for `kubectl lego`. Called by plugin.ts.

import { type Command, commands, help } from '../command-help.ts';

/** Commands whose argument is an Ingress. */
const ofIngresses: ReadonlySet<Command> = new Set(['explain', 'retry']);

/**
 * What a word of the command line may become.
 *
 * @param words after the name of the program; the last one is to be completed, and may be empty
 * @param ingressNames `namespace/name`, of those that may be listed
 */
export async function completionsOf(
  words: readonly string[],
  ingressNames: () => Promise<readonly string[]>,
): Promise<string[]> {
  const begun = words.at(-1) ?? '';
  return (await candidates(words.slice(0, -1), begun, ingressNames)).filter((word) => word.startsWith(begun));
}

async function candidates(
  before: readonly string[],
  begun: string,
  ingressNames: () => Promise<readonly string[]>,
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
  const isNamed = before.slice(1).some((other) => !other.startsWith('-'));
  return ofIngresses.has(command) && !isNamed ? ingressNames() : [];
}

/** The long options that a help lists. */
function optionsOf(text: string): string[] {
  return [...text.matchAll(/^ {2}(?:-\w, | {4})(--[a-z-]+)/gm)].flatMap(([, option]) => option ?? []);
}
