/** One after the other, for those who share something. */
export class OrderTurns {
  /** By what they share: the end of the last one that was let in. */
  readonly #last = new Map<string, Promise<void>>();

  /** Returns when it is this one's turn, with a function that must be called at its end. */
  async take(shared: readonly string[]): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = shared.flatMap((name) => this.#last.get(name) ?? []);
    for (const name of shared) this.#last.set(name, promise);
    await Promise.all(before);
    return () => {
      for (const name of shared) if (this.#last.get(name) === promise) this.#last.delete(name);
      resolve();
    };
  }
}
