// At which listeners the challenges of a host are answered, and how the challenge routes there are spelt. Called by the HTTP-01 solver
// whenever a host is prepared, and while its challenge stands after each change of a Gateway, ListenerSet or HTTPRoute.

import { parseSourceKey, type SourceKey, sourceKey } from '../ownership/source-key.ts';
import { lets } from './allowed-routes.ts';
import type {
  GatewayReading,
  GatewayReference,
  ListenerReading,
  RouteReading,
  SiteRoute,
} from './gateway-objects.ts';
import { bySpecificity, hostnamesServing, intersection, serves } from './hostname-match.ts';
import { attachedTo, expectedAt } from './route-attachment.ts';

/** A listener of a Gateway or ListenerSet, as a parentRef names it. */
export interface ListenerReference extends GatewayReference {
  readonly sectionName: string;
}

/** A hostname at a listener, which leads the challenges of a host to kube-lego. */
export interface ChallengeSlot {
  /** The host that is validated. */
  readonly host: string;
  readonly listener: ListenerReference;
  /** Of the listener; undefined: all hosts. */
  readonly listenerHostname: string | undefined;
  /** Of the challenge route; undefined: it has none. */
  readonly hostname: string | undefined;
  /** Where the challenge route is: the listener lets in routes of this namespace. */
  readonly namespace: string;
}

/**
 * Why a Gateway or ListenerSet cannot lead the challenges of a host to kube-lego.
 *
 * - `not-found`: it does not exist, or is being deleted.
 * - `no-http-listener`: no listener with protocol HTTP has this host, or each that has is refused or in conflict.
 * - `foreign-site`: at a ListenerSet's Gateway, only routes of third namespaces serve the host: it is their site.
 * - `no-routes`: the listener lets in routes neither of our namespace nor of its own.
 */
export interface Unplaced {
  readonly host: string;
  readonly gateway: GatewayReference;
  readonly why: 'not-found' | 'no-http-listener' | 'foreign-site' | 'no-routes';
  /** `foreign-site` and `no-routes` only. */
  readonly listener?: ListenerReference;
}

/** Gateway API objects of the cluster. */
export interface GatewayObjects {
  gateways(): Iterable<GatewayReading>;
  routes(): Iterable<RouteReading>;
  namespaceLabels(namespace: string): Readonly<Record<string, string>>;
}

/** Routes of these namespaces serve a hostname at this listener of a Gateway or ListenerSet. */
interface Site {
  readonly owner: GatewayReading;
  readonly listener: ListenerReading;
  readonly namespaces: ReadonlySet<string>;
}

/** The port of the CA's requests (RFC 8555 section 8.3). */
const challengePort = 80;

/** Of the routes that something has not let in, which anybody can write: what is about to be served is new. */
const mostUnaccepted = 1000;

/** Of this installation of kube-lego. */
export interface ChallengePlace {
  /** Of kube-lego. */
  readonly namespace: string;
  /** By the record of holders: whether kube-lego was last issued a certificate for this host for that namespace. */
  readonly isHeldBy: (namespace: string, host: string) => boolean;
}

/** As of one moment: the objects by what is looked for. */
export class ChallengeListeners {
  readonly #gateways = new Map<SourceKey, GatewayReading>();
  /** ListenerSets that their Gateway lets in, by Gateway. */
  readonly #sets = new Map<GatewayReading, GatewayReading[]>();
  readonly #below = new Map<GatewayReading, ReadonlyMap<string | undefined, readonly Site[]>>();
  /** By Gateway or ListenerSet that they have been let in by. */
  readonly #routes = new Map<SourceKey, SiteRoute[]>();
  /** That something has not let in. */
  readonly #unaccepted: readonly SiteRoute[];
  /** What the routes at a listener serve, by `listenerKey`: the namespaces of the routes by hostname. */
  readonly #sites = new Map<string, ReadonlyMap<string | undefined, ReadonlySet<string>>>();
  /** The hostnames of routes that may be in force at a listener, or soon, by `listenerKey`. */
  readonly #expected = new Map<string, ReadonlySet<string | undefined>>();
  readonly #labelsOf: GatewayObjects['namespaceLabels'];
  readonly #place: ChallengePlace;

  constructor(objects: GatewayObjects, place: ChallengePlace) {
    this.#place = place;
    this.#labelsOf = (of) => objects.namespaceLabels(of);
    for (const gateway of objects.gateways()) this.#gateways.set(sourceKey(gateway), gateway);
    for (const set of this.#gateways.values()) {
      const above = this.#above(set);
      if (above === undefined) continue;
      const sets = this.#sets.get(above) ?? [];
      this.#sets.set(above, sets);
      sets.push(set);
    }
    const unaccepted: SiteRoute[] = [];
    for (const route of objects.routes()) {
      if (route.ours) continue;
      this.#addAttached(route);
      if (route.unaccepted.length > 0) unaccepted.push(route);
    }
    this.#unaccepted = newest(unaccepted, mostUnaccepted);
  }

  /**
   * Where the challenges of this host are answered, for one Gateway or ListenerSet: at its own listeners, and those of a ListenerSet's
   * Gateway, if that lets it in: not each implementation knows ListenerSets, so that its status need not tell. Of each port, requests reach the listener with the most specific hostname, of two equal ones that of the Gateway. The
   * CA asks at port 80; where no listener has that port, a load balancer may translate it (Traefik's listeners have the ports of its
   * container), which the self-check finds out.
   */
  slotsOf(host: string, key: SourceKey): readonly ChallengeSlot[] | Unplaced {
    const gateway = this.#gateways.get(key);
    const { kind, namespace, name } = parseSourceKey(key);
    const reference = { kind: kind === 'ListenerSet' ? kind : 'Gateway', namespace, name } as const;
    if (gateway === undefined) return { host, gateway: reference, why: 'not-found' };
    const all = [this.#above(gateway), gateway].flatMap((owner) =>
      owner === undefined ? [] : carrying(host, owner),
    );
    const direct = all.filter(({ listener }) => listener.port === challengePort);
    const byPort = Map.groupBy(direct.length > 0 ? direct : all, ({ listener }) => listener.port);
    const chosen = Array.from(byPort.values(), (ofPort) =>
      // Stable: that of the Gateway stays first.
      ofPort
        .toSorted((one, other) => bySpecificity(one.listener.hostname, other.listener.hostname))
        .slice(0, 1),
    ).flat();
    if (chosen.length === 0) return { host, gateway: reference, why: 'no-http-listener' };
    const own = chosen.filter(
      ({ owner, listener }) => owner === gateway || !this.#isForeign(host, gateway, owner, listener),
    );
    const slots = own.flatMap(({ owner, listener }) => this.#slotAt(host, owner, listener));
    const [first] = chosen;
    if (slots.length > 0 || first === undefined) return slots;
    const listener = listenerReference(first.owner, first.listener);
    return { host, gateway: reference, why: own.length === 0 ? 'foreign-site' : 'no-routes', listener };
  }

  #addAttached(route: SiteRoute): void {
    for (const key of new Set(route.attached.map(sourceKey))) {
      const known = this.#routes.get(key);
      if (known === undefined) this.#routes.set(key, [route]);
      else known.push(route);
    }
  }

  #slotAt(host: string, owner: GatewayReading, listener: ListenerReading): ChallengeSlot[] {
    const { allowedRoutes } = listener;
    const namespace = [this.#place.namespace, owner.namespace].find((one) =>
      lets(allowedRoutes, owner.namespace, one, this.#labelsOf),
    );
    if (namespace === undefined) return [];
    return [
      {
        host,
        listener: listenerReference(owner, listener),
        listenerHostname: listener.hostname,
        hostname: this.#spelling(host, owner, listener),
        namespace,
      },
    ];
  }

  /** The Gateway of a ListenerSet that it lets in. */
  #above({ namespace, parent }: GatewayReading): GatewayReading | undefined {
    const above = parent && this.#gateways.get(sourceKey({ kind: 'Gateway', ...parent }));
    if (above === undefined) return undefined;
    return lets(above.allowedListeners, above.namespace, namespace, this.#labelsOf) ? above : undefined;
  }

  /**
   * The hostname of the most specific route that serves the host there, as it is spelt. Of two routes the more specific hostname comes
   * first, whatever their paths (HTTPRouteSpec.hostnames), and Envoy looks at one virtual host only: a challenge route that is more
   * specific takes every other path of the host away from the site, one that is less specific is not found. Where no route serves the
   * host, it is named.
   *
   * Implementations serve a route before they accept it. Of those not accepted the least specific counts, and only where no other one
   * serves the host: whichever is in force, no path is taken away, and anybody may have written a more specific one that never is.
   */
  #spelling(host: string, owner: GatewayReading, listener: ListenerReading): string | undefined {
    const sites = this.#sitesAt(owner, listener);
    for (const hostname of hostnamesServing(host)) if (sites.has(hostname)) return hostname;
    const expected = this.#expectedAt(owner, listener);
    for (const hostname of hostnamesServing(host).toReversed()) if (expected.has(hostname)) return hostname;
    return host;
  }

  /**
   * Who may write a ListenerSet has no say in the sites of others at its Gateway: at any of its listeners, since many sites are served
   * by HTTPS only, and at other ListenerSets of it. Routes of its own count at the listener that the CA asks: there they could answer
   * themselves. At another one, such as of a second ListenerSet, anybody may have one for any host. Nor do such routes of others take
   * from a namespace what it has a certificate for: it must be renewed.
   *
   * @param listener of the Gateway, `above`
   */
  #isForeign(
    host: string,
    source: GatewayReading,
    above: GatewayReading,
    listener: ListenerReading,
  ): boolean {
    if (this.#place.isHeldBy(source.namespace, host)) return false;
    const asked = this.#sitesAt(above, listener);
    const served = hostnamesServing(host).find((hostname) => asked.has(hostname));
    if (asked.get(served)?.has(source.namespace) === true) return false;
    const sites = this.#sitesBelow(above);
    const seen = new Set<ListenerReading>();
    for (const hostname of hostnamesServing(host)) {
      // At each listener the routes with the most specific hostname have the host.
      const others = (sites.get(hostname) ?? []).filter(
        (site) => site.owner !== source && !seen.has(site.listener),
      );
      if (
        others.some(({ namespaces }) => !namespaces.has(source.namespace) && !namespaces.has(above.namespace))
      ) {
        return true;
      }
      for (const site of others) seen.add(site.listener);
    }
    return false;
  }

  /** What is served at all listeners of a Gateway and of its ListenerSets, by hostname. Once for all hosts, as `#sitesAt`. */
  #sitesBelow(above: GatewayReading): ReadonlyMap<string | undefined, readonly Site[]> {
    const known = this.#below.get(above);
    if (known !== undefined) return known;
    const below = new Map<string | undefined, Site[]>();
    for (const owner of [above, ...(this.#sets.get(above) ?? [])]) {
      for (const listener of owner.listeners) {
        for (const [hostname, namespaces] of this.#sitesAt(owner, listener)) {
          const common = intersection(listener.hostname, hostname);
          if (common === 'none') continue;
          const sites = below.get(common.hostname) ?? [];
          below.set(common.hostname, sites);
          sites.push({ owner, listener, namespaces });
        }
      }
    }
    this.#below.set(above, below);
    return below;
  }

  /** Once for all hosts: thousands of routes may be attached to a shared Gateway. */
  #sitesAt(
    owner: GatewayReading,
    listener: ListenerReading,
  ): ReadonlyMap<string | undefined, ReadonlySet<string>> {
    const key = listenerKey(owner, listener);
    const known = this.#sites.get(key);
    if (known !== undefined) return known;
    const sites = new Map<string | undefined, Set<string>>();
    const routes = this.#routes.get(sourceKey(owner)) ?? [];
    for (const route of attachedTo(routes, owner, listener, this.#labelsOf)) {
      for (const hostname of hostnamesOf(route)) {
        sites.set(hostname, (sites.get(hostname) ?? new Set()).add(route.namespace));
      }
    }
    this.#sites.set(key, sites);
    return sites;
  }

  /** Once for all hosts, as `#sitesAt`. */
  #expectedAt(owner: GatewayReading, listener: ListenerReading): ReadonlySet<string | undefined> {
    const key = listenerKey(owner, listener);
    const known = this.#expected.get(key);
    if (known !== undefined) return known;
    const expected = new Set<string | undefined>();
    for (const route of expectedAt(this.#unaccepted, owner, listener, this.#labelsOf)) {
      for (const hostname of hostnamesOf(route)) expected.add(hostname);
    }
    this.#expected.set(key, expected);
    return expected;
  }
}

function newest(routes: readonly SiteRoute[], most: number): readonly SiteRoute[] {
  if (routes.length <= most) return routes;
  return routes.toSorted((one, other) => other.createdAt - one.createdAt).slice(0, most);
}

function listenerKey(owner: GatewayReading, listener: ListenerReading): string {
  return `${sourceKey(owner)}/${listener.name}`;
}

/** Undefined: all hosts of the listener. */
function hostnamesOf({ hostnames }: SiteRoute): readonly (string | undefined)[] {
  return hostnames.length === 0 ? [undefined] : hostnames;
}

/** Its HTTP listeners that have this host. */
function carrying(
  host: string,
  owner: GatewayReading,
): { owner: GatewayReading; listener: ListenerReading }[] {
  return owner.listeners
    .filter(
      ({ protocol, hostname, allowsHttpRoutes, accepted, conflicted }) =>
        protocol === 'HTTP' &&
        allowsHttpRoutes &&
        accepted !== false &&
        !conflicted &&
        serves(hostname, host),
    )
    .map((listener) => ({ owner, listener }));
}

function listenerReference(
  { kind, namespace, name }: GatewayReading,
  listener: ListenerReading,
): ListenerReference {
  return { kind, namespace, name, sectionName: listener.name };
}
