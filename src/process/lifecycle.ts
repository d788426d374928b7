// The parts of any server process: start and stop order, log, listening servers, JSON reading. Called by the wiring; the helpers by
// all rooms.

/** A part of the process; `stop` must work after a failed `start`, too. */
export interface Part {
  readonly name: string;
  start?(): Promise<void> | void;
  stop?(): Promise<void> | void;
}

/**
 * Starts parts one after the other and stops them in reverse order. A stop may come at any time, also during the start: the
 * remaining parts are then not started.
 */
export class Lifecycle {
  readonly #parts: readonly Part[];
  readonly #started: Part[] = [];
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** @param parts in the order in which they start */
  constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  /**
   * Resolves when all have started, or a stop came in between.
   * @throws the error of the part that cannot start; the started ones are stopped first
   */
  async start(): Promise<void> {
    this.#starting = this.#startAll();
    try {
      await this.#starting;
    } catch (error) {
      // What could not be stopped either is a consequence.
      await this.stop().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Resolves when all have stopped; the failure of one does not affect the others.
   * @throws Error that names the first part that could not be stopped
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #startAll(): Promise<void> {
    for (const part of this.#parts) {
      if (this.#stopping !== undefined) return;
      this.#started.push(part);
      await part.start?.();
    }
  }

  async #stopAll(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    let failure: Error | undefined;
    for (const part of this.#started.toReversed()) {
      try {
        await part.stop?.();
      } catch (error) {
        failure ??= new Error(`${part.name} could not be stopped`, { cause: error });
      }
    }
    if (failure !== undefined) throw failure;
  }
}
