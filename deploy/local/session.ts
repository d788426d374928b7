import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManagedProcess, type ProcessOptions } from './managed-process.ts';
import { Reaper } from './reaper.ts';

/**
 * A temporary folder and the programs that run in it. All of it is gone after `stop`, and also when this process ends
 * without calling it: by an exception, a Ctrl-C, a time limit of the test runner, SIGKILL.
 */
export class Session implements AsyncDisposable {
  readonly directory: string;
  readonly #reaper: Reaper;

  /** Use `startSession`. */
  constructor(directory: string) {
    this.directory = directory;
    this.#reaper = new Reaper(directory);
  }

  /** Starts a program. Its log is NAME.log in the session's folder, continued when it is started again. */
  spawn(options: ProcessOptions): ManagedProcess {
    const log = join(this.directory, `${options.name}.log`);
    return new ManagedProcess(
      { ...options, directory: options.directory ?? this.directory, log },
      this.#reaper,
    );
  }

  /** Kills what still runs (nothing here is worth a graceful end) and removes the folder. */
  async stop(): Promise<void> {
    await this.#reaper.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * @example
 * await using session = await startSession();
 * const cluster = await startCluster({ session });
 */
export async function startSession(): Promise<Session> {
  // Resolved, because macOS's temporary folder is a symbolic link and programs report the real path.
  return new Session(await mkdtemp(join(await realpath(tmpdir()), 'kube-lego-')));
}
