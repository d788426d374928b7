// Which challenge routes there are. Called by the HTTP-01 solver, which writes them.

import { sourceKey } from '../ownership/source-key.ts';
import type { ChallengeSlot, ListenerReference } from './challenge-routes.ts';
import { intersection } from './hostname-match.ts';
import { isSame } from './route-attachment.ts';

/** Of the name of a challenge route, before a number. */
export const namePrefix = 'kube-lego-challenge-';
/** No others may be written (deploy/base/policies/challenge-routes.yaml). */
const nameForm = new RegExp(`^${namePrefix}[0-9]{1,4}$`);
/** Of `spec.hostnames`. */
export const mostHostnames = 16;
/** Of `spec.parentRefs`. */
export const mostParents = 32;

/** A challenge route. */
export interface ChallengeRoute {
  readonly namespace: string;
  readonly name: string;
  readonly listeners: readonly ListenerReference[];
  /** Empty: all hosts of the listeners. */
  readonly hostnames: readonly string[];
}

/** A challenge route as it should be, with the hosts that are validated by it. */
export interface PlannedRoute extends ChallengeRoute {
  readonly hosts: readonly string[];
}

export function isRouteName(name: string): boolean {
  return nameForm.test(name);
}

/** Whether this route leads the challenges of the slot to kube-lego. */
export function carries(route: ChallengeRoute, { namespace, listener, hostname }: ChallengeSlot): boolean {
  return (
    route.namespace === namespace &&
    route.listeners.some((one) => isSame(one, listener)) &&
    (hostname === undefined ? route.hostnames.length === 0 : route.hostnames.includes(hostname))
  );
}

/**
 * Few routes for all slots. A slot that stands in a route stays there, because a move would leave it without for a moment.
 *
 * Every listener of a route gets each of its hostnames that the listener has, so a slot joins only a route whose other hostnames its
 * listener does not have, or wants too.
 *
 * @param standing routes that exist; one that `isFull` takes in nothing more
 * @param taken whether a name is another's
 */
export function planRoutes(
  slots: readonly ChallengeSlot[],
  standing: readonly (ChallengeRoute & { readonly isFull?: boolean })[],
  taken: (namespace: string, name: string) => boolean,
): PlannedRoute[] {
  const plans = standing.map(
    ({ namespace, name, isFull = false }): Plan => ({ namespace, name, isFull, slots: [] }),
  );
  const sorted = slots.toSorted((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1));
  const moved = sorted.filter((slot) => {
    const index = standing.findIndex((route) => carries(route, slot));
    const plan = plans[index];
    if (plan === undefined || !takes(plan, slot)) return true;
    plan.slots.push(slot);
    return false;
  });
  for (const slot of moved) {
    const plan = plans.find((one) => !one.isFull && takes(one, slot));
    if (plan !== undefined) plan.slots.push(slot);
    else
      plans.push({
        namespace: slot.namespace,
        name: newName(slot.namespace, plans, taken),
        isFull: false,
        slots: [slot],
      });
  }
  return plans.filter((plan) => plan.slots.length > 0).map(planned);
}

interface Plan {
  readonly namespace: string;
  readonly name: string;
  readonly isFull: boolean;
  readonly slots: ChallengeSlot[];
}

function takes(plan: Plan, slot: ChallengeSlot): boolean {
  if (plan.namespace !== slot.namespace) return false;
  const slots = [...plan.slots, slot];
  const hostnames = new Set(slots.map(({ hostname }) => hostname));
  if (hostnames.size > mostHostnames || (hostnames.size > 1 && hostnames.has(undefined))) return false;
  const byListener = Map.groupBy(slots, ({ listener }) => listenerKey(listener));
  if (byListener.size > mostParents) return false;
  return [...byListener.values()].every((ofListener) => {
    const wanted = new Set(ofListener.map(({ hostname }) => hostname));
    return [...hostnames].every(
      (hostname) =>
        wanted.has(hostname) || intersection(ofListener[0]?.listenerHostname, hostname) === 'none',
    );
  });
}

function planned({ namespace, name, slots }: Plan): PlannedRoute {
  const listeners = new Map(slots.map(({ listener }) => [listenerKey(listener), listener]));
  const hostnames = new Set(slots.flatMap(({ hostname }) => hostname ?? []));
  const hosts = new Set(slots.map(({ host }) => host));
  return {
    namespace,
    name,
    listeners: [...listeners]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([, listener]) => listener),
    hostnames: [...hostnames].toSorted(),
    hosts: [...hosts].toSorted(),
  };
}

function newName(
  namespace: string,
  plans: readonly Plan[],
  taken: (namespace: string, name: string) => boolean,
): string {
  const own = new Set(plans.filter((plan) => plan.namespace === namespace).map(({ name }) => name));
  for (let number = 1; ; number += 1) {
    const name = `${namePrefix}${number}`;
    if (!own.has(name) && !taken(namespace, name)) return name;
  }
}

export function listenerKey(listener: ListenerReference): string {
  return `${sourceKey(listener)}/${listener.sectionName}`;
}

function orderOf({ namespace, listener, hostname = '', host }: ChallengeSlot): string {
  return [namespace, listenerKey(listener), hostname, host].join(' ');
}
