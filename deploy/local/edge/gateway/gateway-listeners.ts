import type { GatewayInventory } from './gateway-inventory.ts';
import {
  experimentalGroup,
  type GatewayObject,
  gatewayGroup,
  type ListenerSetObject,
  type ListenerSpec,
} from './gateway-kinds.ts';
import { no, type Verdict, yes } from './gateway-verdicts.ts';

/** What a listener belongs to. */
export interface ListenerOwner {
  readonly group: string;
  readonly kind: 'Gateway' | 'ListenerSet' | 'XListenerSet';
  readonly namespace: string;
  readonly name: string;
}

/** A listener with all that is known of it before any route attaches. */
export interface Listener {
  readonly spec: ListenerSpec;
  readonly owner: ListenerOwner;
  readonly accepted: Verdict;
  readonly resolved: Verdict;
  readonly conflicted: Verdict;
  readonly programmed: Verdict;
}

export interface ListenerSet {
  readonly object: ListenerSetObject;
  readonly allowed: boolean;
  /** empty unless it is allowed */
  readonly listeners: readonly Listener[];
}

export interface Gateway {
  readonly object: GatewayObject;
  readonly listeners: readonly Listener[];
  readonly sets: readonly ListenerSet[];
}

export interface ListenerRules {
  /** of a Secret that is missing or not to be used: its listener is down, or, as some controllers have it, all listeners of its Gateway */
  readonly missingSecret: 'listener' | 'gateway';
  /** whether this Secret, 'namespace/name', holds a certificate and its key */
  readonly isUsable: (secret: string) => boolean;
}

const ports: Readonly<Record<string, number>> = { HTTP: 80, HTTPS: 443, TLS: 443 };
const httpRoute = `${gatewayGroup}/HTTPRoute`;

/** The listeners of a Gateway and of its ListenerSets, in their order of precedence, and what becomes of each. */
export function gatewayOf(object: GatewayObject, inventory: GatewayInventory, rules: ListenerRules): Gateway {
  const owner = ownerOf('Gateway', gatewayGroup, object);
  const key = `${object.namespace}/${object.name}`;
  const sets = [...inventory.listenerSets.values()]
    .filter(({ parent }) => parent === key)
    .toSorted(olderFirst);
  const isAllowed = (set: ListenerSetObject): boolean =>
    inventory.admits(object.listenerSets, object.namespace, set.namespace);
  const candidates = [
    ...object.listeners.map((spec) => ({ spec, owner })),
    ...sets.filter(isAllowed).flatMap((set) => {
      const group = set.kind === 'ListenerSet' ? gatewayGroup : experimentalGroup;
      const its = ownerOf(set.kind, group, set);
      return set.listeners.map((spec) => ({ spec, owner: its }));
    }),
  ];
  const conflicts = conflictsOf(candidates);
  const judged = candidates.map(({ spec, owner: its }) => {
    const conflict = conflicts.get(spec);
    return {
      spec,
      owner: its,
      conflicted: conflict ?? no('NoConflicts', ''),
      accepted: conflict === undefined ? acceptedOf(spec) : no(conflict.reason, conflict.message),
      resolved: resolvedOf(spec, its, inventory, rules),
    };
  });
  const blocked =
    rules.missingSecret === 'gateway' &&
    judged.some(({ accepted, resolved }) => accepted.holds && !resolved.holds);
  const listeners = judged.map((listener): Listener => {
    const { accepted, resolved } = listener;
    const valid = accepted.holds && resolved.holds;
    const reason = valid
      ? 'Another listener of the Gateway has no certificate.'
      : accepted.message || resolved.message;
    return { ...listener, programmed: valid && !blocked ? yes('Programmed') : no('Invalid', reason) };
  });
  return {
    object,
    listeners: listeners.filter(({ owner: its }) => its === owner),
    sets: sets.map((set) => ({
      object: set,
      allowed: isAllowed(set),
      listeners: listeners.filter(({ owner: its }) => isOwner(its, set)),
    })),
  };
}

function isOwner({ kind, namespace, name }: ListenerOwner, set: ListenerSetObject): boolean {
  return kind === set.kind && namespace === set.namespace && name === set.name;
}

function ownerOf(
  kind: ListenerOwner['kind'],
  group: string,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): ListenerOwner {
  return { group, kind, namespace, name };
}

function olderFirst(one: ListenerSetObject, other: ListenerSetObject): number {
  const names = [one, other].map(({ namespace, name }) => `${namespace}/${name}`);
  return one.createdAt - other.createdAt || ((names[0] ?? '') < (names[1] ?? '') ? -1 : 1);
}

/** @returns `Group/Kind` of the routes that may attach, as far as the edge knows them */
export function supportedKinds({ protocol, routeKinds }: ListenerSpec): readonly string[] {
  const possible = protocol === 'TLS' ? [] : [httpRoute];
  return routeKinds === undefined ? possible : possible.filter((kind) => routeKinds.includes(kind));
}

/**
 * Two listeners of one port need another hostname or, for TLS, another name in the handshake. Of the Gateway's own ones none
 * wins; one of a ListenerSet loses against all before it.
 */
function conflictsOf(
  candidates: readonly { readonly spec: ListenerSpec; readonly owner: ListenerOwner }[],
): Map<ListenerSpec, Verdict> {
  const conflicts = new Map<ListenerSpec, Verdict>();
  const standing: (typeof candidates)[number][] = [];
  for (const candidate of candidates) {
    const { spec, owner } = candidate;
    const rivals = standing.filter((other) => other.spec.port === spec.port);
    const sameHost = rivals.find((other) => other.spec.hostname === spec.hostname);
    const otherProtocol = rivals.find((other) => isTls(other.spec) !== isTls(spec));
    const rival = sameHost ?? otherProtocol;
    if (rival !== undefined) {
      const reason = rival === sameHost ? 'HostnameConflict' : 'ProtocolConflict';
      const verdict = { holds: true, reason, message: `Listener ${rival.spec.name} has it already.` };
      conflicts.set(spec, verdict);
      if (owner.kind === 'Gateway') conflicts.set(rival.spec, verdict);
    } else {
      standing.push(candidate);
    }
  }
  return conflicts;
}

function isTls({ protocol }: ListenerSpec): boolean {
  return protocol === 'HTTPS' || protocol === 'TLS';
}

function acceptedOf({ protocol, port, passthrough }: ListenerSpec): Verdict {
  const served = ports[protocol];
  if (served === undefined || passthrough) {
    return no('UnsupportedProtocol', 'The edge serves HTTP, and HTTPS and TLS that it terminates.');
  }
  if (port !== served) return no('PortUnavailable', `The edge serves ${protocol} at port ${served} only.`);
  return yes('Accepted');
}

function resolvedOf(
  spec: ListenerSpec,
  owner: ListenerOwner,
  inventory: GatewayInventory,
  { isUsable }: ListenerRules,
): Verdict {
  const kinds = supportedKinds(spec);
  if (spec.routeKinds?.some((kind) => !kinds.includes(kind)) === true) {
    return no('InvalidRouteKinds', `Only ${kinds.join()} can be attached.`);
  }
  if (!isTls(spec)) return yes('ResolvedRefs');
  if (spec.certificateRefs.length === 0) return no('InvalidCertificateRef', 'There is no certificateRef.');
  for (const ref of spec.certificateRefs) {
    const key = `${ref.namespace}/${ref.name}`;
    if (ref.group !== '' || ref.kind !== 'Secret') {
      return no('InvalidCertificateRef', `${ref.kind} ${key} is no Secret.`);
    }
    if (!inventory.permits(owner, ref)) {
      return no('RefNotPermitted', `No ReferenceGrant permits Secret ${key}.`);
    }
    if (!isUsable(key)) {
      return no('InvalidCertificateRef', `Secret ${key} is not there, or holds no certificate with its key.`);
    }
  }
  return yes('ResolvedRefs');
}
