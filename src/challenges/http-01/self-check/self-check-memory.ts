import { hour } from '../../../../machines/time/durations.ts';
import type { Clock } from '../../../time/clock.ts';
import type { Verdict } from './self-check.ts';

/** Milliseconds. Shorter than the last step of the back-off, so that the attempt of the next day asks the CA again. */
const patience = 12 * hour;
/** Beyond so many hosts those that were asked longest ago are forgotten. */
const mostHosts = 20_000;

/**
 * Which hosts can be judged from inside the cluster. Of a host that once gave a definite answer, ours or another, no answer
 * says something: nothing is ordered until it answers again. Of any other it says nothing (a cluster whose own addresses cannot be
 * reached from inside, for example), and the CA is asked. A host that has given no answer for half a day is of the second kind
 * again: the way from inside may have been closed for good, and its certificate must not die of that.
 */
export class SelfCheckMemory {
  readonly #clock: Pick<Clock, 'now'>;
  /** Hosts with a definite answer, and since when they have given none (milliseconds since the epoch); or too long. */
  readonly #silentSince = new Map<string, number | undefined | 'too long'>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Whether the host gave a definite answer when it was asked last. */
  hasAnswered(host: string): boolean {
    return this.#silentSince.has(host) && this.#silentSince.get(host) === undefined;
  }

  /**
   * The verdict, in the light of those before.
   * @param answered whether the host gave a definite answer to an earlier process
   */
  judge(host: string, verdict: Verdict, answered = false): Verdict {
    if (verdict.kind !== 'inconclusive') {
      this.#remember(host, undefined);
      return verdict;
    }
    if (!this.#silentSince.has(host) && !answered) return verdict;
    const now = this.#clock.now();
    const since = this.#silentSince.get(host) ?? now;
    if (since === 'too long' || now - since >= patience) {
      this.#remember(host, 'too long');
      return verdict;
    }
    this.#remember(host, since);
    const message = `${verdict.message} It did before, so that the CA is asked only when it does again, or after half a day.`;
    return {
      kind: 'wrong-answer',
      message,
      status: undefined,
      finalHost: host,
      unresolved: verdict.unresolved === true,
    };
  }

  #remember(host: string, silentSince: number | undefined | 'too long'): void {
    this.#silentSince.delete(host);
    this.#silentSince.set(host, silentSince);
    if (this.#silentSince.size <= mostHosts) return;
    for (const [oldest] of this.#silentSince) {
      this.#silentSince.delete(oldest);
      return;
    }
  }
}
