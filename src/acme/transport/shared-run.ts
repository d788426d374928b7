import { untilAborted } from '../../time/clock.ts';

/**
 * Runs work once for all concurrent callers. A caller's abort does not affect the others; the abort of the last one aborts the
 * work.
 */
export class SharedRun<T> {
  readonly #work: (signal: AbortSignal) => Promise<T>;
  #current: Run<T> | undefined;

  constructor(work: (signal: AbortSignal) => Promise<T>) {
    this.#work = work;
  }

  /**
   * Joins the current run, or starts one.
   * @throws what the work throws, or the signal's reason at once
   */
  async join(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const run = (this.#current ??= this.#start());
    run.callers += 1;
    try {
      return await untilAborted(run.result, signal);
    } finally {
      run.callers -= 1;
      if (run.callers === 0 && this.#current === run) {
        this.#current = undefined;
        run.controller.abort(signal.reason);
      }
    }
  }

  #start(): Run<T> {
    const controller = new AbortController();
    const result = this.#work(controller.signal).finally(() => {
      if (this.#current?.controller === controller) this.#current = undefined;
    });
    // The callers get the rejection; without callers it must not be unhandled.
    result.catch(() => undefined);
    return { controller, result, callers: 0 };
  }
}

interface Run<T> {
  readonly controller: AbortController;
  readonly result: Promise<T>;
  callers: number;
}
