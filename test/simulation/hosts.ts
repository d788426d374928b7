import type { Verdict } from '../../src/challenges/http-01/self-check/self-check.ts';
import type { Finding } from '../ca/authorizations.ts';
import type { VirtualTime } from './virtual-time.ts';

/**
 * - `good`: the CA reaches us through it.
 * - `elsewhere`: somebody else answers, which the self-check sees as well as the CA does.
 * - `dead`: no connection, neither from inside nor for the CA; the self-check cannot tell that from a hairpin.
 * - `hairpin`: not to be reached from inside, but good for the CA.
 */
export type HostState = 'good' | 'elsewhere' | 'dead' | 'hairpin';

interface Change {
  readonly at: number;
  readonly good: boolean;
}

/** The hosts of the world: where the challenge of each would end now, and how that was before. */
export class Hosts {
  readonly #time: VirtualTime;
  readonly #states = new Map<string, HostState>();
  readonly #changes = new Map<string, Change[]>();

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  set(host: string, state: HostState): void {
    const before = this.reaches(host);
    this.#states.set(host, state);
    const good = this.reaches(host);
    if (good === before) return;
    const changes = this.#changes.get(host) ?? [];
    changes.push({ at: this.#time.now, good });
    this.#changes.set(host, changes);
  }

  reaches(host: string): boolean {
    const state = this.#states.get(host) ?? 'good';
    return state === 'good' || state === 'hairpin';
  }

  /** What a CA finds. */
  finding(host: string): Finding {
    if (this.reaches(host)) return 'ok';
    return this.#states.get(host) === 'elsewhere' ? 'wrong-answer' : 'connection';
  }

  /** What the self-check finds. */
  verdict(host: string): Verdict {
    const state = this.#states.get(host) ?? 'good';
    if (state === 'good') return { kind: 'reachable', notice: undefined };
    if (state === 'elsewhere') {
      return { kind: 'wrong-answer', message: `${host} answers 404.`, status: 404, finalHost: host };
    }
    return { kind: 'inconclusive', message: `${host} cannot be reached from inside.` };
  }

  /** When the host was bad between these two times. */
  badSpans(host: string, from: number, until: number): [from: number, until: number][] {
    const spans: [number, number][] = [];
    let bad = false;
    let since = Number.NEGATIVE_INFINITY;
    for (const { at, good } of this.#changes.get(host) ?? []) {
      if (good && bad) spans.push([since, at]);
      bad = !good;
      since = at;
    }
    if (bad) spans.push([since, Number.POSITIVE_INFINITY]);
    return spans.filter(([start, end]) => end > from && start < until);
  }
}
