import { AcmeProblem } from './problem.ts';

interface Wait {
  readonly problem: AcmeProblem;
  readonly until: number;
}

/**
 * What the CA asks to wait before the next request for what all calls share: the directory, nonces, the account, new orders, renewal
 * information. Each call would take the wait for its own, and the next one ask within it.
 */
export class AskedWaits {
  readonly #steady: () => number;
  readonly #waits = new Map<string, Wait>();

  /** @param steady milliseconds from some moment on, evenly, whatever happens to the clock */
  constructor(steady: () => number) {
    this.#steady = steady;
  }

  /**
   * Asks, unless the CA has asked to wait.
   * @param shared names what is shared, such as by its URL
   * @param holdsForAll whether a problem asks all to wait, and not only the one that met it
   * @throws what `ask` throws; before the end of a wait the problem that asked for it, with what is left of the time
   */
  async heed<T>(
    shared: string,
    ask: () => Promise<T>,
    holdsForAll: (problem: AcmeProblem) => boolean = () => true,
  ): Promise<T> {
    const wait = this.#wait(shared);
    if (wait !== undefined) {
      const { ca, detail, endpoint, instance, links, status, subproblems, type } = wait.problem;
      const retryAfter = Math.ceil(wait.until - this.#steady());
      const cause = wait.problem;
      const said = { ca, detail, endpoint, instance, links, status, subproblems, type };
      throw new AcmeProblem({ ...said, retryAfter, cause });
    }
    try {
      return await ask();
    } catch (error) {
      if (error instanceof AcmeProblem && error.retryAfter !== undefined && holdsForAll(error)) {
        const until = this.#steady() + error.retryAfter;
        // Of several that were asked at the same time, one may be told to wait for longer.
        if (until > (this.#wait(shared)?.until ?? 0)) this.#waits.set(shared, { problem: error, until });
      }
      throw error;
    }
  }

  #wait(shared: string): Wait | undefined {
    const wait = this.#waits.get(shared);
    return wait !== undefined && this.#steady() < wait.until ? wait : undefined;
  }
}
