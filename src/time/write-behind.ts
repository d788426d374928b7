import { type Clock, sleep } from './clock.ts';
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';

export interface WriteBehindOptions extends Omit<GroupCommitOptions, 'burst'> {
  /** Milliseconds from a change to its write, to batch changes. */
  readonly delay: number;
}

/** Writes what nobody waits for: a while after the first change, so that all of that time share one write. */
export class WriteBehind {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #delay: number;
  readonly #commits: GroupCommit;
  /** A write that has not begun. */
  #planned: Promise<void> | undefined;
  readonly #hurrying = new AbortController();
  readonly #delayEnds: AbortSignal;

  constructor({ delay, ...options }: WriteBehindOptions) {
    this.#clock = options.clock;
    this.#signal = options.signal;
    this.#delay = delay;
    this.#delayEnds = AbortSignal.any([options.signal, this.#hurrying.signal]);
    this.#commits = new GroupCommit(options);
  }

  /** Something may have changed: it is written later. */
  changed(): void {
    // Rejects only if the process is stopping, which writes the rest at once.
    this.written().catch(() => undefined);
  }

  /** Resolves when all changes up to now are written, however long it takes. Rejects only with the signal's reason. */
  written(): Promise<void> {
    this.#planned ??= this.#flush();
    return this.#planned;
  }

  /** Writes at once. @see GroupCommit.commit */
  commit(): Promise<void> {
    return this.#commits.commit();
  }

  /** Ends the delay, also of later changes: the process is stopping. */
  hurry(): void {
    this.#hurrying.abort();
  }

  async #flush(): Promise<void> {
    await sleep(this.#clock, this.#delay, this.#delayEnds).catch(() => undefined);
    // What changes from now on may be too late for this write.
    this.#planned = undefined;
    await this.#commits.persist(this.#signal);
  }
}
