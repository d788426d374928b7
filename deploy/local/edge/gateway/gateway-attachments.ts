import { intersect } from './gateway-hostnames.ts';
import type { GatewayInventory } from './gateway-inventory.ts';
import { gatewayGroup, type ParentRef, type RouteObject } from './gateway-kinds.ts';
import { type Gateway, type Listener, supportedKinds } from './gateway-listeners.ts';
import { no, type Verdict, yes } from './gateway-verdicts.ts';

/** What becomes of one parentRef of a route. */
export interface Attachment {
  readonly ref: ParentRef;
  /** those that the route is attached to; empty unless it is accepted */
  readonly listeners: readonly Listener[];
  readonly accepted: Verdict;
}

/** The attachments of a route, for those of its parentRefs that name a Gateway of ours or a ListenerSet of one. */
export function attachmentsOf(
  route: RouteObject,
  gateways: readonly Gateway[],
  inventory: GatewayInventory,
): Attachment[] {
  return route.parentRefs.flatMap((ref) => {
    const candidates = listenersOf(ref, gateways);
    return candidates === undefined ? [] : [attachment(route, ref, candidates, inventory)];
  });
}

/** The listeners of the parent; undefined: it is nothing of ours. */
function listenersOf(ref: ParentRef, gateways: readonly Gateway[]): readonly Listener[] | undefined {
  const is = ({ namespace, name }: { readonly namespace: string; readonly name: string }): boolean =>
    namespace === ref.namespace && name === ref.name;
  if (ref.kind === 'Gateway' && ref.group === gatewayGroup) {
    return gateways.find(({ object }) => is(object))?.listeners;
  }
  const sets = gateways.flatMap((gateway) => gateway.sets);
  return sets.find(({ object }) => object.kind === ref.kind && is(object))?.listeners;
}

function attachment(
  route: RouteObject,
  ref: ParentRef,
  candidates: readonly Listener[],
  inventory: GatewayInventory,
): Attachment {
  const refused = (reason: string, message: string): Attachment => ({
    ref,
    listeners: [],
    accepted: no(reason, message),
  });
  if (route.unsupported.length > 0) {
    return refused('UnsupportedValue', `The edge does not know ${route.unsupported.join(', ')}.`);
  }
  const named = candidates.filter(
    ({ spec, accepted }) =>
      accepted.holds &&
      (ref.sectionName === undefined || ref.sectionName === spec.name) &&
      (ref.port === undefined || ref.port === spec.port),
  );
  if (named.length === 0) return refused('NoMatchingParent', 'No accepted listener has this name and port.');
  const admitting = named.filter(
    ({ spec, owner }) =>
      supportedKinds(spec).length > 0 && inventory.admits(spec.routes, owner.namespace, route.namespace),
  );
  if (admitting.length === 0) {
    return refused('NotAllowedByListeners', `allowedRoutes admits no HTTPRoute of ${route.namespace}.`);
  }
  const hostnames = route.hostnames.length === 0 ? [undefined] : route.hostnames;
  const listeners = admitting.filter(({ spec }) => hostnames.some((name) => intersect(name, spec.hostname)));
  if (listeners.length === 0) {
    return refused('NoMatchingListenerHostname', 'No listener has a hostname in common with the route.');
  }
  return { ref, listeners, accepted: yes('Accepted') };
}

/** Whether the backends of a route can be used. */
export function resolvedBackends(
  route: RouteObject,
  inventory: GatewayInventory,
  hasService: (key: string) => boolean,
): Verdict {
  for (const { ref } of route.rules.flatMap(({ backends }) => backends)) {
    const refusal = backendRefusal(route, ref, inventory, hasService);
    if (refusal !== undefined) return refusal;
  }
  return yes('ResolvedRefs');
}

/** Why a route may not send requests to this backend; undefined: it may. */
export function backendRefusal(
  route: RouteObject,
  ref: RouteObject['rules'][number]['backends'][number]['ref'],
  inventory: GatewayInventory,
  hasService: (key: string) => boolean,
): Verdict | undefined {
  const key = `${ref.namespace}/${ref.name}`;
  if (ref.group !== '' || ref.kind !== 'Service')
    return no('InvalidKind', `${ref.kind} ${key} is no Service.`);
  if (!inventory.permits({ kind: 'HTTPRoute', namespace: route.namespace }, ref)) {
    return no('RefNotPermitted', `No ReferenceGrant permits Service ${key}.`);
  }
  return hasService(key) ? undefined : no('BackendNotFound', `There is no Service ${key}.`);
}
