/**
 * Slows down all requests for new orders together while the CA is busy or out of reach: one asks at a time, after a
 * pause, and the first good answer lets all of them go on. It is nobody's failure.
 */
export class CaBreaker {
  /** When the next request may be made, if not now, in milliseconds since the epoch. */
  closedUntil(_now: number): number | undefined {
    return undefined;
  }

  /** Whether a request may be made now; while the CA is in trouble, only one at a time gets leave. */
  enter(_id: string, _now: number): boolean {
    return true;
  }

  /** The CA answered in order. */
  succeeded(_id: string): void {}

  /** @param retryAfter milliseconds, if the CA says so */
  failed(_id: string, _now: number, _retryAfter?: number): void {}

  /** The request came to nothing, by no fault of the CA: its leave is free for another. */
  left(_id: string): void {}
}
