#!/usr/bin/env node
import process from 'node:process';
import { type Command, isCommand } from './commands/command-line.ts';
import { systemClock } from './time/clock.ts';

// Load only one of them: a command run in the pod shares the memory limit of the controller.
const [word, ...rest] = process.argv.slice(2);
if (isCommand(word)) process.exitCode = await execute(word, rest);
else {
  const { start } = await import('./start.ts');
  await start();
}

/** `kube-lego status` and `kube-lego explain`. */
async function execute(command: Command, argv: readonly string[]): Promise<number> {
  const { runCommand } = await import('./commands/run.ts');
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  return runCommand(command, argv, {
    env: process.env,
    clock: systemClock,
    signal: interrupted.signal,
    print: (text) => process.stdout.write(`${text}\n`),
    complain: (text) => process.stderr.write(`${text}\n`),
  });
}
