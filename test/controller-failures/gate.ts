/** A place where something is held until the test lets it through. */
export interface Gate {
  /** Resolves when something has come to the gate. */
  readonly reached: Promise<void>;
  /** Lets through what waits, and all that comes later. */
  open(): void;
  /** Does the work once the gate is open. */
  pass<T>(work: () => Promise<T>): Promise<T>;
}

export function gate(): Gate {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    open: () => opened.resolve(),
    pass: async (work) => {
      reached.resolve();
      await opened.promise;
      return work();
    },
  };
}
