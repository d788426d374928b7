import type {
  ChallengeListeners,
  ChallengeSlot,
  Unplaced,
} from '../../../../machines/gateway/challenge-routes.ts';
import type { ChallengeRouteReading } from '../../../../machines/gateway/gateway-objects.ts';
import {
  acceptanceOf,
  type RouteRefusal,
  unplacedRefusal,
} from '../../../../machines/gateway/route-acceptance.ts';
import type { HostRoute } from '../../../../machines/ownership/desired-certificate.ts';
import { isEqual } from '../../../../machines/ownership/equality.ts';
import { second } from '../../../../machines/time/durations.ts';

/** A host with what asks for it. */
export type GatewayHost = Pick<HostRoute, 'host' | 'gateways'>;

/** What is known at one moment. */
export interface RouteView {
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Gateways and HTTPRoutes have been listed. */
  readonly served: boolean;
  /** The challenge routes, with what their Gateways say. */
  readonly routes: readonly ChallengeRouteReading[];
  /** Of kube-lego. */
  readonly namespace: string;
  /** Why the slot has no status although its time is over; undefined: there is time. */
  readonly late?: (slot: ChallengeSlot) => RouteRefusal;
}

/** Milliseconds that a refusal must stand: an implementation may see a route before its ReferenceGrant. */
const refusalGrace = 5 * second;

/** The hosts of one owner, and what becomes of them at the listeners of their Gateways. */
export class RouteClaim {
  readonly owner: string;
  readonly #hosts: readonly GatewayHost[];
  #slots: readonly ChallengeSlot[] = [];
  #unplaced: readonly Unplaced[] = [];
  /** Of slots whose write was refused, by `slotKey`. */
  readonly #unwritten = new Map<string, RouteRefusal>();
  /** Since when the implementation refuses a slot, in monotonic milliseconds. */
  readonly #refusedSince = new Map<string, number>();
  #isOver = false;
  readonly #outcome = Promise.withResolvers<ReadonlyMap<string, RouteRefusal>>();

  constructor(owner: string, hosts: readonly GatewayHost[]) {
    this.owner = owner;
    this.#hosts = hosts;
  }

  get slots(): readonly ChallengeSlot[] {
    return this.#slots;
  }

  /** Those whose write was not refused. */
  get writable(): ChallengeSlot[] {
    return this.#slots.filter((slot) => !this.#unwritten.has(slotKey(slot)));
  }

  /** The hosts that no listener accepts, with the reason. */
  get outcome(): Promise<ReadonlyMap<string, RouteRefusal>> {
    return this.#outcome.promise;
  }

  /** It is accepted, refused or failed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  fail(error: unknown): void {
    this.#isOver = true;
    this.#outcome.reject(error);
  }

  /** The listeners and routes of the cluster as of now. @returns whether a host is spelt anew, or at another listener */
  follow(listeners: ChallengeListeners): boolean {
    const found = this.#hosts.flatMap(({ host, gateways = [] }) =>
      gateways.flatMap((key): readonly (ChallengeSlot | Unplaced)[] => {
        const slots = listeners.slotsOf(host, key);
        return 'why' in slots ? [slots] : slots;
      }),
    );
    const slots = found.flatMap((one) => ('why' in one ? [] : [one]));
    const distinct = [...new Map(slots.map((slot) => [slotKey(slot), slot])).values()];
    this.#unplaced = found.filter((one) => 'why' in one);
    if (isEqual(distinct, this.#slots)) return false;
    const isFirst = this.#slots.length === 0;
    this.#slots = distinct;
    return !isFirst;
  }

  refuse(slot: ChallengeSlot, refusal: RouteRefusal): void {
    this.#unwritten.set(slotKey(slot), refusal);
  }

  /**
   * Ends the outcome if each host is accepted at one of its listeners, or refused at all of them.
   * @returns milliseconds after which to try again, if a refusal does not stand for long enough; undefined otherwise
   */
  settle(view: RouteView): number | undefined {
    const refusals = new Map<string, RouteRefusal>();
    const waits: number[] = [];
    for (const { host } of this.#hosts) {
      const found = this.#found(host, view);
      if (found === 'accepted') continue;
      if ('waits' in found) waits.push(found.waits);
      else refusals.set(host, found);
    }
    if (waits.length === 0) {
      this.#isOver = true;
      this.#outcome.resolve(refusals);
    }
    const next = Math.min(...waits);
    return Number.isFinite(next) ? next : undefined;
  }

  /** One listener that accepts it is enough: the self-check tells whether requests arrive there. */
  #found(host: string, view: RouteView): 'accepted' | { readonly waits: number } | RouteRefusal {
    const unplaced = this.#unplaced.find((one) => one.host === host);
    const slots = this.#slots.filter((slot) => slot.host === host);
    const said = slots.map((slot) => this.#saidOf(slot, view));
    if (said.includes('accepted')) return 'accepted';
    const refusals = said.filter((one) => one !== 'accepted' && 'code' in one);
    const waits = said.flatMap((one) => (one !== 'accepted' && 'waits' in one ? one.waits : []));
    const [refusal] = refusals;
    if (refusal !== undefined && waits.length === 0) return refusal;
    if (slots.length > 0) return { waits: Math.min(...waits) };
    // Nothing is known while they are not listed.
    if (unplaced === undefined || (!view.served && view.late === undefined))
      return { waits: Number.POSITIVE_INFINITY };
    return unplacedRefusal(unplaced, view.namespace);
  }

  #saidOf(
    slot: ChallengeSlot,
    { now, routes, late }: RouteView,
  ): 'accepted' | { readonly waits: number } | RouteRefusal {
    const key = slotKey(slot);
    const unwritten = this.#unwritten.get(key);
    if (unwritten !== undefined) return unwritten;
    const acceptance = acceptanceOf(slot, routes);
    if (acceptance.kind === 'accepted') return 'accepted';
    if (acceptance.kind === 'waiting') {
      this.#refusedSince.delete(key);
      return late?.(slot) ?? { waits: Number.POSITIVE_INFINITY };
    }
    const since = this.#refusedSince.get(key) ?? now;
    this.#refusedSince.set(key, since);
    const rest = since + refusalGrace - now;
    return rest > 0 && late === undefined ? { waits: rest } : acceptance.refusal;
  }
}

function slotKey({ host, namespace, listener, hostname = '' }: ChallengeSlot): string {
  const { kind, namespace: of, name, sectionName } = listener;
  return [host, namespace, kind, of, name, sectionName, hostname].join(' ');
}
