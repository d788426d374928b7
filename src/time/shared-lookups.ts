import { type Clock, untilAborted } from './clock.ts';

export interface SharedLookupsOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Milliseconds that an answer is remembered. */
  readonly memory: number;
  /** Answers that are remembered, about. */
  readonly most: number;
}

/** Answers by key, each asked for once for all who want it at about the same time. One that fails is not remembered. */
export class SharedLookups<T> {
  readonly #options: SharedLookupsOptions;
  readonly #known = new Map<string, { readonly at: number; readonly answer: Promise<T> }>();

  constructor(options: SharedLookupsOptions) {
    this.#options = options;
  }

  /**
   * @param ask has a time limit of its own: nobody's abort ends it for the others
   * @throws what `ask` throws, or the signal's reason
   */
  get(key: string, ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, memory, most } = this.#options;
    const now = clock.monotonic();
    for (const [known, { at }] of this.#known) {
      if (at < now - memory || this.#known.size > most) this.#known.delete(known);
    }
    const answer = this.#known.get(key)?.answer ?? ask();
    if (!this.#known.has(key)) this.#known.set(key, { at: now, answer });
    answer.catch(() => this.#known.delete(key));
    return untilAborted(answer, signal);
  }
}
