import type { Gate } from '../ledger/hold.ts';
import type { Limit } from '../ledger/rate-limits.ts';
import { fillTime, spend, timeOfTokens } from '../ledger/token-bucket.ts';
import { day, hour } from '../time/durations.ts';

/** More than the ladder of back-off and three retries an hour need for hours; a certificate near its end is tried 17 times a day. */
const ofHost: Limit = { burst: 20, period: day };
/** Half of Let's Encrypt's new orders. */
const ofNamespace: Limit = { burst: 150, period: 3 * hour };

/**
 * Our own limit of orders without a certificate, by namespace, and by namespace and host. The back-off of an actor is not enough: its
 * Ingress can be changed to and fro, deleted and created again, under other names and with a forged status. In memory only; the CA's
 * limit of failed validations, in the ledger, outlives the process.
 */
export class Attempts {
  /** Theoretical arrival times, see token-bucket.ts. */
  readonly #hosts = new Map<string, number>();
  readonly #namespaces = new Map<string, number>();
  #prunedAt = 0;

  /**
   * @param first nothing is proved for its hosts: it counts for its namespace
   * @returns what holds an order the longest
   */
  gate(namespace: string, hosts: readonly string[], first: boolean, now: number): Gate | undefined {
    let longest: Gate | undefined;
    const consider = (tat: number | undefined, limit: Limit, scope: string, key: string): void => {
      const until = tat === undefined ? now : timeOfTokens(tat, limit, 1, now);
      if (until <= Math.max(longest?.until ?? 0, now)) return;
      longest = { cause: 'attempts', scope, until, key, ofAccount: false };
    };
    for (const host of hosts) {
      const key = keyOf(namespace, host);
      consider(this.#hosts.get(key), ofHost, `host ${host}`, `attempts ${key}`);
    }
    if (!first) return longest;
    consider(this.#namespaces.get(namespace), ofNamespace, `namespace ${namespace}`, `attempts ${namespace}`);
    return longest;
  }

  /** @param hosts those to blame, as far as known */
  failed(namespace: string, hosts: readonly string[], now: number): void {
    this.#prune(now);
    for (const host of hosts) count(this.#hosts, keyOf(namespace, host), ofHost, now);
    count(this.#namespaces, namespace, ofNamespace, now);
  }

  succeeded(namespace: string, hosts: readonly string[]): void {
    for (const host of hosts) this.#hosts.delete(keyOf(namespace, host));
  }

  #prune(now: number): void {
    if (now >= this.#prunedAt && now < this.#prunedAt + hour) return;
    this.#prunedAt = now;
    for (const [tats, limit] of [
      [this.#hosts, ofHost],
      [this.#namespaces, ofNamespace],
    ] as const) {
      // A time that is too far ahead comes from a wrong clock.
      for (const [key, tat] of tats) if (tat <= now || tat > now + 2 * fillTime(limit)) tats.delete(key);
    }
  }
}

function count(tats: Map<string, number>, key: string, limit: Limit, now: number): void {
  tats.set(key, spend(tats.get(key) ?? 0, limit, now));
}

function keyOf(namespace: string, host: string): string {
  return `${namespace} ${host}`;
}
