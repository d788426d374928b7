// What a Gateway's implementation says of a challenge route, and why a host has none. Called by the HTTP-01 solver before the self-check,
// and by `kube-lego explain`.

import { presentable } from '../reasons/foreign-text.ts';
import type { ReasonCode } from '../reasons/reasons.ts';
import { sentences } from '../reasons/sentences.ts';
import { carries } from './challenge-route-plan.ts';
import type { ChallengeSlot, ListenerReference, Unplaced } from './challenge-routes.ts';
import type {
  ChallengeRouteReading,
  GatewayReference,
  ParentCondition,
  ParentReference,
} from './gateway-objects.ts';
import { isSame } from './route-attachment.ts';

/** Why a challenge of a host cannot be answered at a listener. Messages are sentences. */
export interface RouteRefusal {
  readonly code: ReasonCode;
  readonly message: string;
  /** Instead of that of the code. */
  readonly remedy?: string;
}

export type Acceptance =
  | { readonly kind: 'accepted' }
  /** Nothing is said of this version yet. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'refused'; readonly refusal: RouteRefusal };

/** Characters of a condition's message. */
const longestMessage = 200;

/** What `status.parents` says of a slot, of the present version of the challenge route (`observedGeneration`). */
export function acceptanceOf(slot: ChallengeSlot, routes: readonly ChallengeRouteReading[]): Acceptance {
  const route = routes.find(({ namespace, name, hostnames, parentRefs }) =>
    carries({ namespace, name, hostnames, listeners: parentRefs.flatMap(listenerOf) }, slot),
  );
  if (route === undefined) return { kind: 'waiting' };
  const isCurrent = (condition: ParentCondition | undefined): condition is ParentCondition =>
    condition !== undefined && (condition.observedGeneration ?? route.generation) >= route.generation;
  const said = route.parents.filter(({ parentRef }) => isSame(parentRef, slot.listener));
  let refusal: RouteRefusal | undefined;
  for (const { accepted, resolvedRefs } of said) {
    if (!isCurrent(accepted)) continue;
    if (!accepted.status)
      refusal = accepted.reason === 'Pending' ? refusal : notAccepted(slot, route, accepted);
    else if (!isCurrent(resolvedRefs)) return { kind: resolvedRefs === undefined ? 'accepted' : 'waiting' };
    else if (!resolvedRefs.status) refusal = notResolved(slot, route, resolvedRefs);
    else return { kind: 'accepted' };
  }
  return refusal === undefined ? { kind: 'waiting' } : { kind: 'refused', refusal };
}

/** Why there is no listener for the challenges of a host. */
export function unplacedRefusal({ host, gateway, why, listener }: Unplaced, namespace: string): RouteRefusal {
  switch (why) {
    case 'not-found':
      return { code: 'NoHttpListener', message: `${named(gateway)}, which asks for host ${host}, is gone.` };
    case 'no-http-listener':
      return {
        code: 'NoHttpListener',
        message: `${named(gateway)} has no HTTP listener that could carry a challenge of host ${host}${gateway.kind === 'ListenerSet' ? ', nor has a Gateway that lets it in (allowedListeners)' : ''}.`,
      };
    case 'foreign-site': {
      return {
        code: 'HostHasNoRule',
        message: `At ${named(listener ?? gateway)} only HTTPRoutes of other namespaces serve host ${host}.`,
        remedy: `Attach an HTTPRoute with hostname ${host} to its HTTP listener.`,
      };
    }
    case 'no-routes': {
      const at = listener === undefined ? named(gateway) : listenerNamed(listener);
      const message = `${at} lets in routes neither of namespace ${namespace} nor of its own, so host ${host} has no challenge route.`;
      return { code: 'ChallengeRouteNotAllowed', message };
    }
    default:
      return why satisfies never;
  }
}

/** Nothing was said of the challenge route of this slot in time. */
export function silence({ host, listener }: ChallengeSlot): RouteRefusal {
  const message = `The implementation of ${named(listener)} has not said in time whether it accepts the challenge route of host ${host}.`;
  return { code: 'ChallengeRouteNotAccepted', message };
}

/** The challenge route of this slot is never as it was written. */
export function changedByOthers({ host }: ChallengeSlot): RouteRefusal {
  const message = `The challenge route of host ${host} is changed each time that kube-lego writes it: by a mutating webhook, or by a controller that changes HTTPRoutes.`;
  return { code: 'ChallengeRuleRemoved', message };
}

/** The API server has not taken the challenge route of this slot in time. */
export function notWritten({ host }: ChallengeSlot): RouteRefusal {
  const message = `The challenge route of host ${host} could not be written in time.`;
  return { code: 'ChallengeRuleNotWritten', message };
}

/** Of `spec.listeners`: what a Gateway or ListenerSet without HTTP listener lacks, as YAML. */
export const httpListenerToAdd = `- name: http
  protocol: HTTP
  port: 80
  allowedRoutes:
    namespaces:
      from: All
`;

function notAccepted(
  slot: ChallengeSlot,
  route: ChallengeRouteReading,
  condition: ParentCondition,
): RouteRefusal {
  const code =
    condition.reason === 'NotAllowedByListeners' ? 'ChallengeRouteNotAllowed' : 'ChallengeRouteNotAccepted';
  return { code, message: saidOf(slot, route, 'does not accept', condition) };
}

function notResolved(
  slot: ChallengeSlot,
  route: ChallengeRouteReading,
  condition: ParentCondition,
): RouteRefusal {
  return {
    code: 'ChallengeRouteNotResolved',
    message: saidOf(slot, route, 'leads nowhere the requests of', condition),
  };
}

function saidOf(
  { host, listener }: ChallengeSlot,
  { namespace, name }: ChallengeRouteReading,
  verb: string,
  { reason, message }: ParentCondition,
): string {
  const words = presentable(message, longestMessage);
  const why = presentable(reason, longestMessage);
  return sentences(
    `${listenerNamed(listener)} ${verb} the challenge route ${namespace}/${name} of host ${host}: ${why}`,
    words,
  );
}

function listenerOf({ sectionName, ...parent }: ParentReference): ListenerReference[] {
  return sectionName === undefined ? [] : [{ ...parent, sectionName }];
}

function named({ kind, namespace, name }: GatewayReference): string {
  return `${kind} ${namespace}/${name}`;
}

function listenerNamed(listener: ListenerReference): string {
  return `Listener ${listener.sectionName} of ${named(listener)}`;
}
