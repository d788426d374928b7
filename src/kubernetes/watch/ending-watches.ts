interface Stoppable {
  /** Never rejects. */
  stopped(): Promise<void>;
}

/** Watches that were ended before their process ends, until all of them is closed. */
export class EndingWatches {
  readonly #ending = new Set<Promise<void>>();

  /** @param watches whose signal is aborted */
  add(watches: readonly Stoppable[]): void {
    for (const watch of watches) {
      const stopped = watch.stopped().then(() => {
        this.#ending.delete(stopped);
      });
      this.#ending.add(stopped);
    }
  }

  /** Resolves when these have ended, too. */
  async stopped(others: readonly Stoppable[]): Promise<void> {
    await Promise.all([...this.#ending, ...others.map((watch) => watch.stopped())]);
  }
}
