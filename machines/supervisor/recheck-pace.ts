import type { SourceKey } from '../ownership/source-key.ts';
import { second } from '../time/durations.ts';
import { Schedule } from '../time/schedule.ts';

/** Milliseconds. Rechecks of a beat begin together, so that they share the writes of a challenge Ingress: each can be a reload of somebody's ingress controller. */
const beat = 10 * second;
/** 300 a minute: 5,000 dead hosts are checked every quarter of an hour. */
const mostHostsOfBeat = 50;
/** A tenth of the hosts at a time: dead hosts must not take the places, or the reservations, of those that order. */
const mostHostsAtATime = 50;

/**
 * When Ingresses repeat a check before an order. It costs the CA nothing, but DNS, API server and ingress controllers: the pace is
 * bounded, and the one that has waited the longest is the next.
 */
export class RecheckPace {
  readonly #schedule = new Schedule<SourceKey>();
  /** Before this nothing is taken. */
  #nextBeat = 0;

  /** @param at milliseconds since the epoch; undefined: never */
  set(key: SourceKey, at: number | undefined): void {
    if (at === undefined) this.#schedule.delete(key);
    else this.#schedule.set(key, at);
  }

  /** The clock was set by so many milliseconds. */
  move(by: number): void {
    this.#schedule.move(by);
    this.#nextBeat += by;
  }

  /** When `take` may have a result; undefined if nothing waits. */
  next(): number | undefined {
    const next = this.#schedule.next();
    return next === undefined ? undefined : Math.max(next, this.#nextBeat);
  }

  /**
   * Removes and returns those whose turn it is.
   * @param running hosts that are being rechecked
   * @param hostsOf number of hosts of an Ingress; one with more than fit is taken alone
   */
  take(now: number, running: number, hostsOf: (key: SourceKey) => number): SourceKey[] {
    if (now < this.#nextBeat) return [];
    const taken: SourceKey[] = [];
    const most = Math.min(mostHostsOfBeat, mostHostsAtATime - running);
    for (let hosts = 0; hosts < most; ) {
      const key = this.#schedule.takeOne(now);
      if (key === undefined) break;
      taken.push(key);
      hosts += Math.max(hostsOf(key), 1);
    }
    if (taken.length > 0 || most <= 0) this.#nextBeat = now + beat;
    return taken;
  }
}
