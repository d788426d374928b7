// What a Gateway or ListenerSet asks for: which of its listeners want a certificate, in which Secrets, for which names. Called by the
// source (src/sources/gateway) whenever something of that may have changed, and by explain.

import { isWildcard } from '../hosts/host-names.ts';
import { sourceKey } from '../ownership/source-key.ts';
import type { SourceSpec, TlsEntry } from '../ownership/source-spec.ts';
import { someOf } from '../reasons/foreign-text.ts';
import type { Failure } from '../reasons/reasons.ts';
import type {
  CertificateReference,
  GatewayReading,
  GrantReading,
  ListenerReading,
  SiteRoute,
} from './gateway-objects.ts';
import { isGranted } from './grants.ts';
import {
  inTurn,
  listenerNames,
  mostServed,
  type RoutesByNamespace,
  type ServedName,
} from './listener-names.ts';
import { attachedTo } from './route-attachment.ts';

export interface GatewaySurroundings {
  /** Attached to the Gateway or ListenerSet. */
  readonly routes: readonly SiteRoute[];
  readonly grants: readonly GrantReading[];
  /** Whether the namespace of the Gateway has been issued a certificate for this host: where not all names are read, it is among them. */
  readonly isHeld: (host: string) => boolean;
  /** Labels of a Namespace. */
  readonly labelsOf: (namespace: string) => Readonly<Record<string, string>>;
}

/** Its part of a `SourceSpec`. */
export interface GatewayRequest extends Pick<SourceSpec, 'tls' | 'ruleHosts'> {
  readonly notices: readonly Failure[];
  readonly awaited: readonly string[];
}

/**
 * Names of one Secret that are read at least: more than a certificate has, so that those for which there is no room are told so. Else the
 * Secrets of a Gateway share `mostServed`.
 */
const fewestOfSecret = 200;

/** Of one listener: a Secret in the namespace of the Gateway, or why there is none. */
type Target = { readonly secretName: string } | Failure | 'none';

/**
 * A listener asks if it terminates TLS and names a Secret. One that the Gateway's implementation refuses does not: it serves nobody, and the
 * names of a conflict belong to the other listener. Several listeners with one Secret get one certificate for the names of all.
 *
 * Hosts are claimed by listeners that their implementation has accepted, so that a Gateway which nobody serves blocks nobody.
 */
export function gatewayRequest(gateway: GatewayReading, surroundings: GatewaySurroundings): GatewayRequest {
  if (!gateway.settings.enabled) {
    return { tls: [], ruleHosts: hostsServed(gateway), notices: [], awaited: [] };
  }
  const { grants, isHeld, labelsOf } = surroundings;
  const sorted = surroundings.routes.toSorted(byAge);
  const routes = byNamespace(sorted);
  let heldRoutes: typeof routes | undefined;
  const notices: Failure[] = [];
  const claimed = new Set<string>();
  const wanted = new Map<string, WantedNames>();
  for (const listener of gateway.listeners) {
    const target = targetOf(gateway, listener, grants);
    if (target === 'none') continue;
    if ('code' in target) {
      notices.push(target);
      continue;
    }
    const { hostname } = listener;
    const isSpecific = hostname !== undefined && !isWildcard(hostname);
    const attached = (all: typeof routes): RoutesByNamespace =>
      all.map(([namespace, some]) => [namespace, attachedTo(some, gateway, listener, labelsOf)]);
    const { certified, unasked } = listenerNames(gateway, listener, attached(routes), () => {
      heldRoutes ??= byNamespace(withHeldOnly(sorted, gateway, isHeld));
      return attached(heldRoutes);
    });
    for (const name of [...certified.map((one) => one.name), ...unasked]) {
      if (listener.accepted !== true) break;
      if (isSpecific || claimed.size < mostServed || isHeld(name)) claimed.add(name);
    }
    notices.push(...noticesAbout(listener, certified, unasked));
    const names = wanted.get(target.secretName) ?? new WantedNames();
    wanted.set(target.secretName, names);
    names.add(certified, isSpecific);
  }
  const mostOfSecret = Math.max(fewestOfSecret, Math.floor(mostServed / wanted.size));
  const tls = [...wanted].flatMap(([secretName, names]) =>
    names.entry(secretName, gateway.namespace, mostOfSecret, isHeld),
  );
  return { tls, ruleHosts: [...claimed], notices, awaited: [...wanted.keys()] };
}

/**
 * Of a Gateway without annotation: the hostnames of its listeners for TLS, as an Ingress without annotation claims the hosts of its rules.
 * Not those of its routes, nor wildcards: a shared Gateway would take new hosts away from the Ingresses of all teams.
 */
function hostsServed({ listeners }: GatewayReading): string[] {
  const served = listeners.flatMap(({ protocol, hostname, accepted, conflicted }) =>
    (protocol === 'HTTPS' || protocol === 'TLS') && accepted === true && !conflicted ? (hostname ?? []) : [],
  );
  return [...new Set(served)].filter((hostname) => !isWildcard(hostname));
}

/** The names of all listeners with one Secret. */
class WantedNames {
  /** Who has asked for it first: what routes add must not make a listener's own name that of a route. */
  readonly #namespaces = new Map<string, string | undefined>();
  #ofRoutes = false;

  add(names: readonly ServedName[], isSpecific: boolean): void {
    this.#ofRoutes ||= !isSpecific;
    for (const { name, namespace } of names) {
      if (namespace === undefined || !this.#namespaces.has(name)) this.#namespaces.set(name, namespace);
    }
  }

  /** @returns none without names */
  entry(secretName: string, own: string, most: number, isHeld: (host: string) => boolean): TlsEntry[] {
    if (this.#namespaces.size === 0) return [];
    const byNamespace = Map.groupBy(this.#namespaces.keys(), (name) => this.#namespaces.get(name));
    const ofListeners = byNamespace.get(undefined) ?? [];
    byNamespace.delete(undefined);
    const all = [...ofListeners, ...inTurn<string>(byNamespace.values())];
    const read = new Set(
      all.length <= most ? all : [...new Set([...ofListeners, ...all.filter(isHeld), ...all])].slice(0, most),
    );
    const hosts = all.filter((name) => read.has(name));
    const shares = [...byNamespace].flatMap(([namespace = '', names]) => {
      const its = names.filter((name) => read.has(name));
      return namespace === own || its.length === 0 ? [] : [{ namespace, hosts: its }];
    });
    return [
      {
        secretName,
        hosts,
        ...(this.#ofRoutes ? { separable: true } : {}),
        ...(shares.length === 0 ? {} : { shares }),
      },
    ];
  }
}

/**
 * The routes with nothing but the hostnames that are held, each once for a namespace and parentRef: whoever writes any number of routes
 * with a hostname of others makes these no more.
 */
function withHeldOnly(
  routes: readonly SiteRoute[],
  gateway: GatewayReading,
  isHeld: (host: string) => boolean,
): SiteRoute[] {
  const key = sourceKey(gateway);
  const found = new Map<string, SiteRoute>();
  for (const route of routes) {
    for (const hostname of route.hostnames) {
      if (!isHeld(hostname)) continue;
      for (const reference of route.attached) {
        if (sourceKey(reference) !== key) continue;
        const { sectionName = '', port = '' } = reference;
        const id = `${hostname} ${route.namespace} ${sectionName} ${port}`;
        if (!found.has(id)) found.set(id, { ...route, hostnames: [hostname], attached: [reference] });
      }
    }
  }
  return [...found.values()];
}

function targetOf(
  gateway: GatewayReading,
  listener: ListenerReading,
  grants: readonly GrantReading[],
): Target {
  const { name, protocol, tlsMode, certificateRefs, conflicted, accepted } = listener;
  const terminates = (protocol === 'HTTPS' || protocol === 'TLS') && tlsMode === 'Terminate';
  if (!terminates) return 'none';
  if (conflicted) {
    const message = `Listener ${name} has the port and hostname of another one, which comes first.`;
    return { code: 'ListenerConflicted', message };
  }
  if (accepted === false) {
    return { code: 'ListenerNotAccepted', message: `Listener ${name} is not accepted.` };
  }
  const reference = certificateRefs.find(isSecret);
  if (reference === undefined) {
    return { code: 'MissingSecretName', message: `Listener ${name} names no Secret in tls.certificateRefs.` };
  }
  if (reference.namespace === gateway.namespace) return { secretName: reference.name };
  const from = { group: gatewayGroup, kind: gateway.kind, namespace: gateway.namespace };
  const to = { group: '', kind: 'Secret', namespace: reference.namespace, name: reference.name };
  const whose = `Listener ${name} names Secret ${reference.name} of namespace ${reference.namespace}`;
  return isGranted(grants, from, to)
    ? {
        code: 'SecretElsewhere',
        message: `${whose}, where kube-lego writes nothing for this ${gateway.kind}.`,
      }
    : { code: 'SecretNotGranted', message: `${whose}, where no ReferenceGrant allows that.` };
}

function isSecret({ group, kind }: CertificateReference): boolean {
  return group === '' && kind === 'Secret';
}

function noticesAbout(
  { name, hostname }: ListenerReading,
  certified: readonly ServedName[],
  unasked: readonly string[],
): Failure[] {
  const of = `Listener ${name} (${hostname ?? 'all hosts'})`;
  if (unasked.length > 0) {
    const message = `${of} serves ${someOf(unasked)}, and no annotation asks for a wildcard certificate.`;
    return [{ code: 'WildcardNotAsked', message }];
  }
  if (certified.length > 0) return [];
  return [{ code: 'NoRouteHostnames', message: `${of} has no HTTPRoute with a hostname yet.` }];
}

function byNamespace(routes: readonly SiteRoute[]): (readonly [namespace: string, routes: SiteRoute[]])[] {
  return [...Map.groupBy(routes, ({ namespace }) => namespace)];
}

function byAge(one: SiteRoute, other: SiteRoute): number {
  if (one.createdAt !== other.createdAt) return one.createdAt - other.createdAt;
  return `${one.namespace}/${one.name}` < `${other.namespace}/${other.name}` ? -1 : 1;
}

const gatewayGroup = 'gateway.networking.k8s.io';
