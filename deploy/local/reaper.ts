import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { join } from 'node:path';

/**
 * A process beside ours that kills our children and removes our folder when we end, also by SIGKILL: it notices that
 * its standard input closes. A shell, because that costs 1 MB where a second Node would cost 40.
 */
export class Reaper {
  readonly #process: ChildProcess;
  readonly #input: Socket;

  /** @param folder removed at the end, if given */
  constructor(folder?: string) {
    // Detached, so that a Ctrl-C in the terminal does not reach it.
    this.#process = spawn(
      '/bin/sh',
      [join(import.meta.dirname, 'reaper.sh'), 'KILL', ...(folder === undefined ? [] : [folder])],
      { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
    );
    const { stdin } = this.#process;
    if (!(stdin instanceof Socket)) throw new Error('The reaper of local servers has no standard input');
    this.#input = stdin;
    // Whoever forgets to stop a session shall not be kept alive by its reaper.
    this.#process.unref();
    this.#input.unref();
    this.#input.on('error', () => undefined);
  }

  /** @param group process group: that of a child spawned with `detached` has the child's process id */
  watch(group: number): void {
    this.#input.write(`watch -${group}\n`);
  }

  forget(group: number): void {
    this.#input.write(`forget -${group}\n`);
  }

  /** Kills what is still watched, removes the folder, and resolves when that is done. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.ref();
    const ended = once(this.#process, 'exit');
    this.#input.end();
    await ended;
  }
}
