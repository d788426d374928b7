/** A mutex per key: serializes callers with a common key. */
export class OrderTurns {
  /** By key: the end of the last caller. */
  readonly #last = new Map<string, Promise<void>>();

  /** Resolves when all earlier callers with one of these keys have ended; the result must be called at the end. */
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
