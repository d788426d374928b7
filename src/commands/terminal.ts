import process from 'node:process';
import { memoryLeft } from '../process/memory-left.ts';
import { systemClock } from '../time/clock.ts';
import type { Command, Program } from './command-help.ts';
import { type Turn, waitForTurn } from './container-turn.ts';

/** Each ends a command in order: `zones` still removes its test values. A second one of the same name ends it at once. */
const interruptions = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs a command, such as `kube-lego status`, at the terminal of this process. @returns its exit code */
export async function runAtTerminal(
  program: Program,
  command: Command,
  argv: readonly string[],
): Promise<number> {
  const interrupted = new AbortController();
  for (const name of interruptions) process.once(name, () => interrupted.abort());
  const { signal } = interrupted;
  const turn = await turnInPod(signal);
  if (turn.kind === 'refused') {
    complain(turn.why);
    return 1;
  }
  try {
    // Only now: a command run in the pod shares the memory limit of the controller.
    const { runCommand } = await import('./run.ts');
    return await runCommand(command, argv, {
      program,
      env: process.env,
      clock: systemClock,
      signal,
      print: (text) => process.stdout.write(`${text}\n`),
      complain,
      ask: process.stdin.isTTY ? askAtTerminal(signal) : undefined,
    });
  } finally {
    turn.end();
  }
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function turnInPod(signal: AbortSignal): Promise<Turn> {
  if (process.env['KUBERNETES_SERVICE_HOST'] === undefined) return { kind: 'begun', end: () => undefined };
  try {
    return await waitForTurn({ socket: '\0kube-lego-command', memoryLeft, clock: systemClock, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    return { kind: 'refused', why: 'Interrupted.' };
  }
}

function askAtTerminal(signal: AbortSignal) {
  return async (question: string): Promise<string> => {
    const { createInterface } = await import('node:readline/promises');
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      // Ctrl-C is no consent.
      return await terminal.question(question, { signal }).catch(() => '');
    } finally {
      terminal.close();
    }
  };
}
