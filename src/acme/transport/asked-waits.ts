import { Breaker } from '../../../machines/authority/breaker.ts';
import { minute } from '../../../machines/time/durations.ts';
import { untilAborted } from '../../time/clock.ts';
import type { CaClock } from './ca-clock.ts';
import type { CaRequest } from './connection.ts';
import { AcmeProblem } from './problem.ts';

interface Wait {
  readonly breaker: Breaker;
  /** The problem with the Retry-After. */
  problem: AcmeProblem;
}

/**
 * Retry-After of resources that all calls share: the directory, nonces, new orders, renewal information. Without it each call would
 * keep only its own wait, and the next one send a request within it.
 */
export class AskedWaits {
  readonly #clock: Pick<CaClock, 'monotonic'>;
  readonly #waits = new Map<string, Wait>();

  constructor(clock: Pick<CaClock, 'monotonic'>) {
    this.#clock = clock;
  }

  /**
   * Sends the request, unless the CA has asked to wait. A caller that aborts gets no answer, but an answer that is on its way is heard:
   * its Retry-After holds for the others.
   * @param shared key of the resource, such as its URL
   * @param ask sends each of its requests with this signal, which the caller does not abort, and this gate
   * @param holdsForAll whether the wait of a problem applies to all callers, not only to this one
   * @throws what `ask` throws, or the signal's reason; during a wait the problem that asked for it, with the time left as retryAfter
   */
  heed<T>(
    shared: string,
    signal: AbortSignal,
    ask: (sending: Required<Pick<CaRequest, 'signal' | 'gate'>>) => Promise<T>,
    holdsForAll: (problem: AcmeProblem) => boolean = () => true,
  ): Promise<T> {
    const gate = (): void => {
      signal.throwIfAborted();
      this.#throwDuringWait(shared);
    };
    const sending = { signal: new AbortController().signal, gate };
    return untilAborted(
      this.#heard(shared, () => ask(sending), holdsForAll),
      signal,
    );
  }

  #throwDuringWait(shared: string): void {
    const wait = this.#waits.get(shared);
    const now = this.#clock.monotonic();
    const until = wait?.breaker.namedUntil(now);
    if (wait === undefined || until === undefined) return;
    const { ca, detail, endpoint, instance, status, subproblems, termsOfService, type } = wait.problem;
    const said = { ca, detail, endpoint, instance, status, subproblems, termsOfService, type };
    throw new AcmeProblem({ ...said, retryAfter: until - now, cause: wait.problem });
  }

  async #heard<T>(
    shared: string,
    ask: () => Promise<T>,
    holdsForAll: (problem: AcmeProblem) => boolean,
  ): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof AcmeProblem && error.retryAfter !== undefined && holdsForAll(error)) {
        this.#begin(shared, error, error.retryAfter);
      }
      throw error;
    }
  }

  #begin(shared: string, problem: AcmeProblem, retryAfter: number): void {
    const breaker = this.#waits.get(shared)?.breaker ?? new Breaker({ threshold: 1, longestProbe: minute });
    breaker.failed(shared, this.#clock.monotonic(), retryAfter);
    this.#waits.set(shared, { breaker, problem });
  }
}
