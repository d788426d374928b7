/** What a CA said is not to be asked for before some time; times in milliseconds since the epoch. */
export class RetryAfters {
  /** By scope: who had asked before `from` could not know. */
  readonly #closed = new Map<string, { readonly from: number; readonly until: number }>();
  #lastSize = 0;

  /** @param heardAt when the client gets to know */
  close(scope: string, now: number, until: number, heardAt: number): void {
    const before = this.#closed.get(scope);
    this.#closed.set(scope, {
      from: before !== undefined && before.until > now ? before.from : heardAt,
      until: Math.max(until, before?.until ?? 0),
    });
    // Each order and authorization of two years would not fit into memory.
    if (this.#closed.size < 2 * this.#lastSize + 10_000) return;
    for (const [old, { until: end }] of this.#closed) if (end <= now) this.#closed.delete(old);
    this.#lastSize = this.#closed.size;
  }

  /** @returns by how many milliseconds who asks now is too early; undefined if that is not so */
  earlyBy(scope: string, now: number): number | undefined {
    const closed = this.#closed.get(scope);
    return closed === undefined || now <= closed.from || now >= closed.until ? undefined : closed.until - now;
  }

  forget(isForgotten: (scope: string) => boolean): void {
    for (const scope of this.#closed.keys()) if (isForgotten(scope)) this.#closed.delete(scope);
  }
}
