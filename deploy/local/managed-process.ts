import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { LocalError } from './local-error.ts';
import type { Reaper } from './reaper.ts';

export interface ProcessOptions {
  /** what messages call it; also the name of its log */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** the whole environment; default: empty, so that the developer's own variables (proxies, ETCD_*) have no say */
  readonly environment?: NodeJS.ProcessEnv;
  /** working directory; default: the session's folder */
  readonly directory?: string;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Milliseconds between two probes, at first. */
const pollInterval = 20;

/** A program of the session, in a process group of its own, with what it prints in a file. */
export class ManagedProcess {
  readonly name: string;
  readonly pid: number;
  /** path of the file that holds its standard output and error */
  readonly log: string;
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  /** where in the log this start of the program begins */
  readonly #logStart: number;

  /** Use `Session.spawn`. */
  constructor(
    options: ProcessOptions & { readonly directory: string; readonly log: string },
    reaper: Reaper,
  ) {
    this.name = options.name;
    this.log = options.log;
    const log = openSync(options.log, 'a');
    this.#logStart = fstatSync(log).size;
    try {
      this.#child = spawn(options.command, options.args, {
        cwd: options.directory,
        env: options.environment ?? {},
        // A group of its own: a Ctrl-C in the terminal is ours to handle, and its children end with it.
        detached: true,
        stdio: ['ignore', log, log],
      });
    } finally {
      closeSync(log);
    }
    const { pid } = this.#child;
    if (pid === undefined) {
      // Node tells the reason later, and would throw it at nobody.
      this.#child.on('error', () => undefined);
      throw new LocalError(
        'NotStarted',
        `${options.name} could not be started: is there a program ${options.command}?`,
      );
    }
    this.pid = pid;
    reaper.watch(pid);
    this.exited = new Promise((resolve) => {
      this.#child.on('exit', (code, signal) => {
        signalGroup(pid, 'SIGKILL');
        reaper.forget(pid);
        resolve({ code, signal });
      });
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends the signal to the program and to what it has started. */
  signal(signal: NodeJS.Signals): void {
    if (this.running) signalGroup(this.pid, signal);
  }

  /** Asks it to end, and kills it when it has not done so after `limit` milliseconds. */
  async stop(options: { signal?: NodeJS.Signals; limit?: number } = {}): Promise<ProcessExit> {
    this.signal(options.signal ?? 'SIGTERM');
    const killing = setTimeout(() => this.signal('SIGKILL'), options.limit ?? 5_000);
    try {
      return await this.exited;
    } finally {
      clearTimeout(killing);
    }
  }

  /** The end of what it has printed since this start, for messages. */
  async lastLines(count: number): Promise<string> {
    const printed = (await readFile(this.log)).subarray(this.#logStart).toString('utf8');
    return printed.trimEnd().split('\n').slice(-count).join('\n');
  }

  /**
   * Waits until the probe says true. The probe may throw as long as the program is not there yet.
   * @param limit milliseconds
   * @throws LocalError PortTaken, ServerExited, NotReady, the latter two with the end of the log
   */
  async untilReady(probe: (signal: AbortSignal) => Promise<boolean>, limit: number): Promise<void> {
    const begin = performance.now();
    let lastError: unknown;
    for (;;) {
      if (!this.running) throw await this.#failure('ServerExited', 'ended before it was ready', lastError);
      const waited = performance.now() - begin;
      if (waited > limit) {
        throw await this.#failure('NotReady', `was not ready after ${limit / 1_000} s`, lastError);
      }
      try {
        if (await probe(AbortSignal.timeout(2_000))) break;
      } catch (error) {
        lastError = error;
      }
      // The longer it takes, the rarer the probe: on a busy machine they would slow the start down.
      await delay(Math.min(pollInterval + waited / 20, 5 * pollInterval));
    }
    // Somebody else's server may have answered on a port that ours could not get.
    if (!this.running || (await this.#portTaken())) {
      throw await this.#failure('ServerExited', 'ended before it was ready', lastError);
    }
  }

  async #failure(code: 'ServerExited' | 'NotReady', what: string, cause: unknown): Promise<LocalError> {
    if (await this.#portTaken()) {
      return new LocalError('PortTaken', `${this.name} could not listen: another program has its port`, {
        cause,
      });
    }
    return new LocalError(code, `${this.name} ${what}. Its log ends:\n${await this.lastLines(15)}`, {
      cause,
    });
  }

  async #portTaken(): Promise<boolean> {
    return /address already in use/i.test(await this.lastLines(200));
  }
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    // ESRCH: all of them have ended. EPERM: macOS says so of a group of zombies.
    if (!(error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM'))) {
      throw error;
    }
  }
}
