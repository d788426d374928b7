/*
 * The challenge routes as the process that leads writes them: which host is at which listener, and who holds it. Used by the HTTP-01
 * solver, beside the challenge Ingresses.
 */

import { carries, type PlannedRoute, planRoutes } from '../../../../machines/gateway/challenge-route-plan.ts';
import {
  ChallengeListeners,
  type ChallengePlace,
  type ChallengeSlot,
} from '../../../../machines/gateway/challenge-routes.ts';
import type { ChallengeRouteReading } from '../../../../machines/gateway/gateway-objects.ts';
import {
  changedByOthers,
  notWritten,
  type RouteRefusal,
  silence,
} from '../../../../machines/gateway/route-acceptance.ts';
import { sentences } from '../../../../machines/reasons/sentences.ts';
import { minute } from '../../../../machines/time/durations.ts';
import type { KubernetesClient } from '../../../kubernetes/client/client.ts';
import { isForbidden, KubernetesError } from '../../../kubernetes/client/kubernetes-error.ts';
import type { GatewayCache } from '../../../sources/gateway/gateway-cache.ts';
import type { Clock } from '../../../time/clock.ts';
import { findRefusedHosts, isUnpermitted, refusalOf } from '../refused-hosts.ts';
import {
  type ChallengeRouteTemplate,
  challengeObjectKey,
  type GatewayCollections,
  type ObservedObject,
  type WantedObject,
  wantedGrant,
  wantedRoute,
} from './challenge-route-manifest.ts';
import type { ChallengeRouteWatch } from './challenge-route-watch.ts';
import { type Change, ObjectWrites, removalDelay } from './object-writes.ts';
import { type GatewayHost, RouteClaim, type RouteView } from './route-claim.ts';

export interface ChallengeRoutesOptions {
  readonly client: Pick<KubernetesClient, 'call'>;
  readonly clock: Clock;
  /** Ends everything; the objects stay, for the next process to adopt or remove. */
  readonly signal: AbortSignal;
  readonly watch: ChallengeRouteWatch;
  readonly gateways: GatewayCache & GatewayCollections;
  readonly template: ChallengeRouteTemplate;
  readonly isHeldBy: ChallengePlace['isHeldBy'];
  /** RFC 7638 thumbprint of the account key that hosts are validated for, base64url; known before the first one is acquired. */
  readonly thumbprint: () => string | undefined;
  /** Errors that are retried. */
  readonly onError: (error: unknown) => void;
}

/** Milliseconds within which changes are collected, so that many hosts are one write. */
const collectionPause = 100;
/** Milliseconds: for the writes, of which there is one a second, and the implementation to say something. */
const longestAcquisition = minute;
/** Milliseconds in which what is not needed should have been removed. */
const tolerance = minute;
/** Of one namespace at a time: a tenant can make any number that look like ours. */
const mostUnneeded = 50;
/**
 * The HTTPRoutes that lead `/.well-known/acme-challenge/` of the hosts being validated to our responder, and the ReferenceGrants for
 * those in other namespaces.
 */
export class ChallengeRoutes {
  readonly #options: ChallengeRoutesOptions;
  readonly #writes: ObjectWrites;
  readonly #claims = new Map<string, RouteClaim>();
  /** Claims that were released, until their hosts are removed, in monotonic milliseconds. */
  readonly #released = new Map<RouteClaim, number>();
  readonly #changedAt = new Map<string, number>();
  /** Keys of objects of others with a name of ours. */
  readonly #foreign = new Set<string>();
  /** Uids of objects that we have deleted, and the watch still shows. */
  readonly #deleted = new Set<string>();
  /** By uid, in monotonic milliseconds. */
  readonly #unneededSince = new Map<string, number>();
  #inheritedUntil = Number.POSITIVE_INFINITY;
  #writing: Promise<void> | undefined;
  #timer: { readonly handle: unknown; readonly at: number } | undefined;
  #wanted: readonly WantedObject[] = [];
  /** How routes are spelt, since changes were last worked out: it may be while others are being written. */
  #hasChanged = false;

  constructor(options: ChallengeRoutesOptions) {
    this.#options = options;
    const { client, clock, gateways, onError, template, watch } = options;
    this.#writes = new ObjectWrites({
      client,
      clock,
      template,
      collections: gateways,
      onError,
      onWritten: (observed) => watch.note(observed),
      onDeleted: (uid) => this.#deleted.add(uid),
      onForeign: (key) => this.#foreign.add(key),
      onRefused: (wanted, cause) => this.#refuse(wanted, cause),
      onFailure: (key, cause) => this.#failHolders(key, cause),
    });
  }

  /** Starts the reconciliation. What an earlier process has left is removed after ten seconds, unless it is acquired before. */
  start(): void {
    const { clock, gateways, signal, watch } = this.#options;
    this.#inheritedUntil = clock.monotonic() + removalDelay;
    watch.follow(() => this.#wake(collectionPause), signal);
    const leave = gateways.onChange(() => {
      if (this.#claims.size + this.#released.size > 0) this.#wake(collectionPause);
    });
    signal.addEventListener(
      'abort',
      () => {
        leave();
        this.#disarm();
      },
      { once: true },
    );
    this.#wake(collectionPause);
  }

  /**
   * Resolves when each host that a Gateway or ListenerSet asks for is accepted at one of its listeners, or refused at all of them. The
   * owner holds the hosts until `release`.
   *
   * @param owner any id of the owner
   * @returns the hosts that no listener accepts, with the reason
   * @throws KubernetesError if writing fails repeatedly; the signal's reason
   */
  async acquire(
    owner: string,
    hosts: readonly GatewayHost[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, RouteRefusal>> {
    const asked = hosts.filter(({ gateways = [] }) => gateways.length > 0);
    if (asked.length === 0) return new Map();
    signal.throwIfAborted();
    const { clock } = this.#options;
    const claim = new RouteClaim(owner, asked);
    const abort = (): void => claim.fail(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const limit = clock.setTimeout(() => this.#settle([claim], true), longestAcquisition);
    this.release(owner);
    this.#claims.set(owner, claim);
    this.#wake(collectionPause);
    try {
      return await claim.outcome;
    } catch (error) {
      if (this.#claims.get(owner) === claim) this.release(owner);
      throw error;
    } finally {
      clock.clearTimeout(limit);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Releases all hosts of this owner: what nobody else holds is removed by the next write, or after ten seconds. */
  release(owner: string): void {
    const claim = this.#claims.get(owner);
    if (claim === undefined) return;
    this.#claims.delete(owner);
    this.#changedAt.delete(owner);
    this.#released.set(claim, this.#options.clock.monotonic() + removalDelay);
    claim.fail(new Error(`${owner} released its hosts`));
    this.#wake(collectionPause);
  }

  /** When a route of this owner was last spelt anew, in monotonic milliseconds; undefined if never. */
  changedAt(owner: string): number | undefined {
    return this.#changedAt.get(owner);
  }

  /** Challenge routes and ReferenceGrants that nothing has needed for a minute, and that are there all the same. */
  get leftOver(): number {
    const latest = this.#options.clock.monotonic() - tolerance;
    return this.#unneeded().filter(({ uid }) => (this.#unneededSince.get(uid) ?? latest) < latest).length;
  }

  /**
   * Removes all at once, at the end; call it before the signal of the options is aborted.
   * @param isNeeded whether an order that has not ended still relies on this host: its object stays for the next process
   */
  async close(isNeeded: (host: string) => boolean, signal: AbortSignal): Promise<void> {
    for (const owner of this.#claims.keys()) this.release(owner);
    this.#disarm();
    await this.#writing;
    this.#disarm();
    const { clock } = this.#options;
    const removed = this.#observed().filter(({ hosts }) => ![...hosts].some(isNeeded));
    const at = clock.monotonic();
    const changes = removed.map(
      (observed): Change => ({ key: challengeObjectKey(observed), wanted: undefined, observed, at }),
    );
    await this.#writes.perform(changes, signal);
  }

  #wake(delay: number): void {
    const { clock, signal } = this.#options;
    if (signal.aborted) return;
    const at = clock.monotonic() + Math.max(0, delay);
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    this.#disarm();
    const handle = clock.setTimeout(() => {
      this.#timer = undefined;
      this.#reconcile();
    }, at - clock.monotonic());
    this.#timer = { handle, at };
  }

  #disarm(): void {
    this.#options.clock.clearTimeout(this.#timer?.handle);
    this.#timer = undefined;
  }

  #reconcile(): void {
    const { clock, onError, signal } = this.#options;
    const observed = this.#observed();
    if (this.#follow()) this.#hasChanged = true;
    this.#wanted = this.#claims.size === 0 ? [] : this.#plan(observed);
    this.#noteUnneeded();
    if (this.#claims.size === 0 && observed.length === 0) return;
    this.#settle(
      this.#claims
        .values()
        .filter(({ isOver }) => !isOver)
        .toArray(),
      false,
    );
    if (this.#writing !== undefined) return;
    const now = clock.monotonic();
    const changes = this.#writes.changes(this.#wanted, observed, this.#inheritedUntil, this.#hasChanged, now);
    this.#hasChanged = false;
    const due = changes.filter(({ at }) => at <= now);
    if (due.length > 0) {
      this.#writing = this.#writes
        .perform(due, signal)
        .catch((error: unknown) => {
          if (!signal.aborted) onError(error);
        })
        .finally(() => {
          this.#writing = undefined;
          this.#wake(0);
        });
      return;
    }
    const next = Math.min(...changes.map(({ at }) => at));
    if (Number.isFinite(next)) this.#wake(next - now);
  }

  #noteUnneeded(): void {
    const now = this.#options.clock.monotonic();
    const unneeded = new Set(this.#unneeded().map(({ uid }) => uid));
    for (const uid of this.#unneededSince.keys()) if (!unneeded.has(uid)) this.#unneededSince.delete(uid);
    for (const uid of unneeded) if (!this.#unneededSince.has(uid)) this.#unneededSince.set(uid, now);
  }

  /** Also those that we have deleted, and that a finalizer holds. */
  #unneeded(): ObservedObject[] {
    const wanted = new Set(this.#wanted.map(challengeObjectKey));
    return this.#options.watch.objects().filter((one) => !wanted.has(challengeObjectKey(one)));
  }

  /** Each object that is there, without those that we have deleted. */
  #observed(): ObservedObject[] {
    const all = this.#options.watch.objects();
    const shown = new Set(all.map(({ uid }) => uid));
    for (const uid of this.#deleted) if (!shown.has(uid)) this.#deleted.delete(uid);
    const wanted = new Set(this.#wanted.map(challengeObjectKey));
    const unneeded = new Map<string, number>();
    return all.filter((one) => {
      if (this.#deleted.has(one.uid)) return false;
      if (wanted.has(challengeObjectKey(one))) return true;
      const count = (unneeded.get(one.namespace) ?? 0) + 1;
      unneeded.set(one.namespace, count);
      return count <= mostUnneeded;
    });
  }

  /** The listeners and routes of the cluster as of now. @returns whether a host is spelt anew, or at another listener */
  #follow(): boolean {
    const { clock, gateways, isHeldBy, template } = this.#options;
    const now = clock.monotonic();
    for (const [claim, until] of this.#released) if (until < now) this.#released.delete(claim);
    const claims = [...this.#claims.values(), ...this.#released.keys()];
    if (claims.length === 0) return false;
    const listeners = new ChallengeListeners(gateways, { namespace: template.namespace, isHeldBy });
    const changed = claims.filter((claim) => claim.follow(listeners));
    for (const claim of changed) {
      if (this.#claims.get(claim.owner) === claim) this.#changedAt.set(claim.owner, now);
    }
    return changed.length > 0;
  }

  #plan(observed: readonly ObservedObject[]): WantedObject[] {
    const { clock, gateways, template, thumbprint } = this.#options;
    const slots = [...this.#claims.values()].flatMap((claim) => claim.writable);
    const inherits = clock.monotonic() < this.#inheritedUntil;
    const held = new Set(slots.map(({ host }) => host));
    const standing = observed.flatMap(({ route, hosts, deleting }) => {
      if (route === undefined || deleting) return [];
      // One more host at a route of an earlier process would remove the hosts that were validated there.
      const isFull = inherits && [...hosts].some((host) => !held.has(host));
      return [{ ...route, isFull }];
    });
    // A finalizer may hold one that is deleted for long.
    const all = this.#options.watch.objects();
    const dying = new Set(
      all.filter(({ deleting, uid }) => deleting || this.#deleted.has(uid)).map(challengeObjectKey),
    );
    const plans = planRoutes(slots, standing, (namespace, name) => {
      const key = challengeObjectKey({ kind: 'HTTPRoute', namespace, name });
      return this.#foreign.has(key) || dying.has(key);
    });
    const listenerSets = gateways.servedCollection('ListenerSet');
    const elsewhere = Map.groupBy(
      plans.filter(({ namespace }) => namespace !== template.namespace),
      ({ namespace }) => namespace,
    );
    return [
      ...plans.map((plan) => wantedRoute(template, plan, thumbprint(), listenerSets)),
      ...Array.from(elsewhere, ([namespace, some]) =>
        wantedGrant(template, namespace, hostsOf(some), thumbprint()),
      ),
    ];
  }

  /** @param isLate what is not accepted now is refused */
  #settle(claims: readonly RouteClaim[], isLate: boolean): void {
    if (claims.length === 0) return;
    const { clock, gateways, template } = this.#options;
    const kind = 'HTTPRoute';
    const wanted = new Set(this.#wanted.map(challengeObjectKey));
    // Not all with our label, of which a tenant can make any number.
    const isWanted = ({ namespace, name }: ChallengeRouteReading): boolean =>
      wanted.has(challengeObjectKey({ kind, namespace, name }));
    const view: RouteView = {
      now: clock.monotonic(),
      served: gateways.served,
      routes: [...gateways.routes()].filter((route) => route.ours).filter(isWanted),
      namespace: template.namespace,
      ...(isLate ? { late: (slot: ChallengeSlot) => this.#lateRefusal(slot) } : {}),
    };
    const waits = claims.map((claim) => claim.settle(view) ?? Number.POSITIVE_INFINITY);
    const next = Math.min(...waits);
    if (Number.isFinite(next)) this.#wake(next);
  }

  #lateRefusal(slot: ChallengeSlot): RouteRefusal {
    const observed = this.#observed();
    if (observed.some(({ route }) => route !== undefined && carries(route, slot))) return silence(slot);
    const wanted = this.#wanted.find(({ route }) => route !== undefined && carries(route, slot));
    const key = wanted && challengeObjectKey(wanted);
    return observed.some((one) => challengeObjectKey(one) === key) ? changedByOthers(slot) : notWritten(slot);
  }

  /** Finds out which hostnames are refused; the others are written without them. */
  async #refuse(wanted: WantedObject, cause: KubernetesError): Promise<void> {
    const { signal, template } = this.#options;
    const own = this.#slotsIn(wanted);
    const hostnames = [...new Set(own.map(({ slot }) => slot.hostname ?? ''))].toSorted();
    const observed = this.#observed().find((one) => challengeObjectKey(one) === challengeObjectKey(wanted));
    const tryOut = (some: readonly string[]): Promise<Error | undefined> => {
      const spec = { ...wanted.spec, hostnames: some.includes('') ? null : some };
      return refusalOf(this.#writes.tryOut({ ...wanted, spec }, observed, signal));
    };
    const refused =
      isUnpermitted(cause) || wanted.kind === 'ReferenceGrant'
        ? new Map(hostnames.map((hostname) => [hostname, cause as Error]))
        : await findRefusedHosts(hostnames, cause, tryOut);
    for (const { claim, slot } of own) {
      const why = refused.get(slot.hostname ?? '');
      if (why === undefined) continue;
      const words = why instanceof KubernetesError ? why.words : why.message;
      const elsewhere = slot.namespace !== template.namespace;
      claim.refuse(slot, {
        code: 'ChallengeRuleRefused',
        message: sentences(
          `The challenge route of host ${slot.host} in namespace ${slot.namespace} is refused: ${words}`,
        ),
        ...(elsewhere && isForbidden(why) && isUnpermitted(cause)
          ? {
              remedy: `Let the listener take in routes of namespace ${template.namespace} (allowedRoutes), or let kube-lego write HTTPRoutes in namespace ${slot.namespace}: deploy/components/gateway/same-namespace.`,
            }
          : {}),
      });
    }
  }

  #failHolders(key: string, cause: KubernetesError): void {
    const wanted = this.#wanted.find((one) => challengeObjectKey(one) === key);
    if (wanted === undefined) return;
    for (const { claim } of this.#slotsIn(wanted)) claim.fail(cause);
  }

  /** The slots that this object is for. */
  #slotsIn(wanted: WantedObject): { readonly claim: RouteClaim; readonly slot: ChallengeSlot }[] {
    const { template } = this.#options;
    const isIn = (slot: ChallengeSlot): boolean =>
      wanted.kind === 'ReferenceGrant'
        ? wanted.name === wantedGrant(template, slot.namespace, [], undefined).name
        : wanted.route !== undefined && carries(wanted.route, slot);
    return [...this.#claims.values()].flatMap((claim) =>
      claim.slots.filter(isIn).map((slot) => ({ claim, slot })),
    );
  }
}

function hostsOf(plans: readonly PlannedRoute[]): string[] {
  return [...new Set(plans.flatMap(({ hosts }) => hosts))].toSorted();
}
