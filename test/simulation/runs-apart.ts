import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism, constants } from 'node:os';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import pLimit from 'p-limit';

export interface RunsApart {
  readonly program: string;
  /** The program's arguments for each run. */
  readonly runs: readonly (readonly string[])[];
  /** What each run prints before its own lines; it is printed once. */
  readonly heading: string;
  readonly write: (text: string) => void;
}

interface Ended {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/**
 * Runs the program once for each list of arguments, as many at a time as there are processors, and prints what they print in the order of
 * the lists. A signal that ends this process ends them all.
 * @returns the highest exit status
 */
export async function runApart({ program, runs, heading, write }: RunsApart): Promise<number> {
  const limit = pLimit(availableParallelism());
  const running = new Set<ChildProcess>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      for (const child of running) child.kill(signal);
      process.exit(128 + constants.signals[signal]);
    });
  }
  let count = 0;
  const ended = runs.map((args) =>
    limit(async () => {
      const result = await runOne(program, args, running);
      count += 1;
      showProgress(`${count} of ${runs.length} runs have ended`);
      return result;
    }),
  );
  showProgress(`${runs.length} runs`);
  write(heading);
  let status = 0;
  for (const result of ended) {
    const { code, output, errors } = await result;
    showProgress('');
    write(output.startsWith(heading) ? output.slice(heading.length) : output);
    process.stderr.write(errors);
    status = Math.max(status, code);
  }
  return status;
}

async function runOne(program: string, args: readonly string[], running: Set<ChildProcess>): Promise<Ended> {
  const child = spawn(process.execPath, [...process.execArgv, program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const closed = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  const [code, output, errors] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  running.delete(child);
  return { code, output, errors };
}

function showProgress(words: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${words}`);
}
