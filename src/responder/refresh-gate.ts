import type { Clock } from '../clock.ts';

export interface RefreshGateOptions {
  /** Reads the challenge Ingresses anew. */
  readonly refresh: () => Promise<void>;
  readonly clock: Clock;
  /** Milliseconds between the starts of two refreshes. */
  readonly minInterval: number;
  /** Milliseconds after which nobody waits any longer. */
  readonly patience: number;
}

/**
 * One refresh for all who ask at about the same time, and never more often than `minInterval`: a scan of made-up hosts
 * costs the API server one read a second, however fast it is.
 */
export class RefreshGate {
  readonly #options: RefreshGateOptions;
  #lastStart = Number.NEGATIVE_INFINITY;
  #next: Promise<void> | undefined;

  constructor(options: RefreshGateOptions) {
    this.#options = options;
  }

  /** Resolves when a refresh has ended, well or not, or patience has. Never rejects. */
  async pass(): Promise<void> {
    const { clock, patience } = this.#options;
    this.#next ??= this.#runNext();
    let timer: unknown;
    const impatience = new Promise<void>((resolve) => {
      timer = clock.setTimeout(resolve, patience);
    });
    await Promise.race([this.#next, impatience]);
    clock.clearTimeout(timer);
  }

  async #runNext(): Promise<void> {
    const { clock, minInterval, refresh } = this.#options;
    const wait = this.#lastStart + minInterval - clock.now();
    if (wait > 0)
      await new Promise<void>((resolve) => clock.setTimeout(resolve, Math.min(wait, minInterval)));
    this.#lastStart = clock.now();
    try {
      await refresh();
    } catch {
      // Who asked gets the answer from what is known; the reader of the challenge Ingresses reports its own trouble.
    } finally {
      this.#next = undefined;
    }
  }
}
