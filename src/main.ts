#!/usr/bin/env node
import process from 'node:process';
import { commands } from './commands/command-help.ts';
import { isCommand } from './commands/command-line.ts';
import { runAtTerminal } from './commands/terminal.ts';

// Load only one of them: a command run in the pod shares the memory limit of the controller.
const [word, ...rest] = process.argv.slice(2);
if (isCommand(word)) process.exitCode = await runAtTerminal('kube-lego', word, rest);
else if (word !== undefined && !word.startsWith('-')) {
  process.stderr.write(`${word}: no command of kube-lego; there are ${commands.join(', ')}. See --help.\n`);
  process.exitCode = 2;
} else {
  const { start } = await import('./start.ts');
  await start();
}
