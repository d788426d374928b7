import { sentences } from '../../../../machines/reasons/sentences.ts';
import { hour } from '../../../../machines/time/durations.ts';
import type { Clock } from '../../../time/clock.ts';
import type { Verdict } from './self-check.ts';

/** Milliseconds. Shorter than the last back-off step, so the next day's attempt asks the CA again. */
const patience = 12 * hour;
/** Beyond it, the least recently checked hosts are dropped. */
const mostHosts = 20_000;

/**
 * Remembers which hosts can be checked from inside the cluster. If a host that has answered before, with our answer or another, does
 * not answer, nothing is ordered until it does again. For any other host no answer means nothing (a cluster may not reach its own
 * public addresses, for example), and the CA is asked. After half a day without an answer a host is of the second kind again: the
 * route from inside may be closed for good, and its certificate must not expire because of that.
 */
export class SelfCheckMemory {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** Hosts that have answered, and since when they do not (monotonic milliseconds); or too long. */
  readonly #silentSince = new Map<string, number | undefined | 'too long'>();

  /** Hosts that did not resolve at their last check. */
  readonly #unresolved = new Set<string>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Whether the last check had a definite answer. */
  hasAnswered(host: string): boolean {
    return this.#silentSince.has(host) && this.#silentSince.get(host) === undefined;
  }

  /** Whether the name did not resolve at the last check. */
  isUnresolved(host: string): boolean {
    return this.#unresolved.has(host);
  }

  /**
   * The verdict, considering the previous ones.
   * @param answered whether the host has answered an earlier process
   */
  judge(host: string, verdict: Verdict, answered = false): Verdict {
    this.#unresolved.delete(host);
    if (verdict.kind !== 'reachable' && verdict.unresolved === true) {
      this.#unresolved.add(host);
      dropOldest(this.#unresolved);
    }
    if (verdict.kind !== 'inconclusive') {
      this.#remember(host, undefined);
      return verdict;
    }
    if (!this.#silentSince.has(host) && !answered) return verdict;
    const now = this.#clock.monotonic();
    const since = this.#silentSince.get(host) ?? now;
    if (since === 'too long' || now - since >= patience) {
      this.#remember(host, 'too long');
      return verdict;
    }
    this.#remember(host, since);
    const before = 'It did before: the CA is asked when it does again, or after half a day.';
    const message = sentences(verdict.message, before);
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
    dropOldest(this.#silentSince);
  }
}

/** Of those that are remembered in the order of their checks. */
function dropOldest(hosts: Map<string, unknown> | Set<string>): void {
  if (hosts.size <= mostHosts) return;
  for (const oldest of hosts.keys()) {
    hosts.delete(oldest);
    return;
  }
}
