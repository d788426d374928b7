// `kubectl lego`: the commands under the name by which kubectl finds them in PATH. Called by bin/kubectl-lego.mjs, and for the completion
// of a word by bin/kubectl_complete-lego.mjs.

import process from 'node:process';
import { commands, overview } from './commands/command-help.ts';
import { isCommand } from './commands/command-line.ts';
import { completionsOf } from './commands/completion/completion.ts';
import { runAtTerminal } from './commands/terminal.ts';

/** Directive of cobra, by which kubectl takes over the completion of plugins: no names of files. */
const noFiles = ':4';

/** @returns the exit code */
export async function runPlugin(argv: readonly string[]): Promise<number> {
  const [word, ...rest] = argv;
  if (isCommand(word)) return runAtTerminal('kubectl lego', word, rest);
  if (word === undefined || word === '-h' || word === '--help') {
    process.stdout.write(overview('kubectl lego'));
    return word === undefined ? 2 : 0;
  }
  process.stderr.write(`${word}: no command of kubectl lego; there are ${commands.join(', ')}.\n`);
  return 2;
}

/** Writes what the last word may become, each on a line. */
export async function completePlugin(argv: readonly string[]): Promise<void> {
  const found = await completionsOf(argv, async (kind) => {
    const { listSourceNames } = await import('./commands/completion/source-names.ts');
    return listSourceNames(kind);
  });
  process.stdout.write(`${[...found, noFiles].join('\n')}\n`);
}
