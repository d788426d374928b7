/**
 * Work that several callers want at the same time and that is done once. A caller that gives up does not take the work away from
 * the others; when the last one has given up, it ends.
 */
export class SharedRun<T> {
  readonly #work: (signal: AbortSignal) => Promise<T>;
  #current: Run<T> | undefined;

  constructor(work: (signal: AbortSignal) => Promise<T>) {
    this.#work = work;
  }

  /**
   * The result of the run under way, or of a new one.
   * @throws what the work throws, or the signal's reason at once
   */
  async join(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const run = (this.#current ??= this.#start());
    run.callers += 1;
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([run.result, left.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
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
    // The callers see the failure; after the last of them has left nobody does.
    result.catch(() => undefined);
    return { controller, result, callers: 0 };
  }
}

interface Run<T> {
  readonly controller: AbortController;
  readonly result: Promise<T>;
  callers: number;
}
