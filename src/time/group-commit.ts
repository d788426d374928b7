import { second } from '../../machines/time/durations.ts';
import { doubledPause } from '../../machines/time/ladder.ts';
import { type Clock, sleep, untilAborted } from './clock.ts';

export interface GroupCommitOptions {
  readonly clock: Clock;
  /** Ends the waits. */
  readonly signal: AbortSignal;
  /** Milliseconds from the start of a write to the start of the next, in a rush. */
  readonly interval: number;
  /** Writes that may follow one another at once after a pause; 1 if not given. */
  readonly burst?: number;
  /** Writes all that has changed before its call. A write that fails is repeated until it succeeds. */
  readonly write: () => Promise<void>;
  /** Called for each failure. */
  readonly onFailure: (error: unknown) => void;
  /** Milliseconds to wait after this failure instead of the default `pause`. */
  readonly pauseAfter?: (error: unknown, pause: number) => number;
}

/** Milliseconds. */
const repeatPauses = { shortest: 0.5 * second, longest: 15 * second };

/**
 * One write at a time, for all that came before it: whoever comes during a write shares the next. Only the group repeats what fails: its
 * callers wait for that, or give up.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #running: Promise<void> | undefined;
  #queued: Promise<void> | undefined;
  /** When the next write would be due if all had kept the interval. */
  #dueAt = Number.NEGATIVE_INFINITY;
  /** Failures in a row. */
  #failures = 0;
  /** Of a write that has failed; not begun. */
  #repetition: Promise<void> | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /**
   * Resolves when a write that begins after this call has ended.
   * @throws what the write throws, or the signal's reason
   */
  commit(): Promise<void> {
    this.#queued ??= this.#writeAfter(this.#running);
    return this.#queued;
  }

  /**
   * Resolves when a write that begins after this call has succeeded. After a failure it waits for the repetition.
   *
   * @throws the signal's reason, that of the group, or what the last of so many writes throws
   */
  async persist(signal: AbortSignal, mostWrites = Number.POSITIVE_INFINITY): Promise<void> {
    for (let writes = 1; ; writes += 1) {
      signal.throwIfAborted();
      try {
        return await untilAborted(this.#repetition ?? this.commit(), signal);
      } catch (error) {
        if (writes === mostWrites || signal.aborted || this.#options.signal.aborted) throw error;
      }
    }
  }

  async #writeAfter(before: Promise<void> | undefined): Promise<void> {
    const { burst = 1, clock, interval, onFailure, signal, write } = this.#options;
    await before?.catch(() => undefined);
    const left = this.#dueAt - clock.monotonic() - (burst - 1) * interval;
    if (left > 0) await sleep(clock, left, signal);
    this.#dueAt = Math.max(this.#dueAt, clock.monotonic()) + interval;
    this.#running = this.#queued;
    this.#queued = undefined;
    try {
      await write();
      this.#failures = 0;
    } catch (error) {
      if (!signal.aborted) {
        this.#failures += 1;
        onFailure(error);
        this.#repetition ??= this.#repeat(error);
        // It is repeated again, or the process is stopping.
        this.#repetition.catch(() => undefined);
      }
      throw error;
    }
  }

  async #repeat(error: unknown): Promise<void> {
    const { clock, pauseAfter, signal } = this.#options;
    const usual = doubledPause(repeatPauses.shortest, repeatPauses.longest, this.#failures);
    try {
      await sleep(clock, pauseAfter?.(error, usual) ?? usual, signal);
    } finally {
      // Whoever comes from now on may be too late for it.
      this.#repetition = undefined;
    }
    await this.commit();
  }
}
