import { isWildcard } from '../hosts/host-names.ts';
import type { GatewayReading, ListenerReading, SiteRoute } from './gateway-objects.ts';
import { intersection } from './hostname-match.ts';

/** Annotation of a Gateway or ListenerSet: `true` asks for wildcard certificates for wildcard hostnames. */
export const wildcardAnnotation = 'kube-lego.io/wildcard';

/** Names of a listener that are read, besides held ones; a certificate has fewer. Any number of routes may be attached to a shared Gateway. */
export const mostServed = 2000;

/** Routes by namespace; their names in common with the listener are read as far as they count. */
export type RoutesByNamespace = Iterable<
  readonly [namespace: string, routes: Iterable<Pick<SiteRoute, 'hostnames'>>]
>;

/** A name that a listener serves, and who has asked for it. */
export interface ServedName {
  readonly name: string;
  /** Of the HTTPRoute; undefined: the listener itself has it. */
  readonly namespace: string | undefined;
}

/** The names of a listener. */
export interface ListenerNames {
  /** That a certificate is to cover: one of each namespace in turn, those of its oldest routes first. */
  readonly certified: readonly ServedName[];
  /** Wildcards that are served, and that no annotation asks for. */
  readonly unasked: readonly string[];
}

/**
 * The hostname of a listener, if it is a specific one; else the hostnames that it has in common with the routes attached to it. Gateway API
 * ("Hostnames", TLS) forbids to make a wildcard certificate of a listener's hostname, and wants each common hostname represented.
 *
 * @param routes attached to the listener, the oldest first
 * @param held those with hostnames that have had a certificate; asked for if the others are too many to be read
 */
export function listenerNames(
  { wildcards }: Pick<GatewayReading, 'wildcards'>,
  { hostname }: Pick<ListenerReading, 'hostname'>,
  routes: RoutesByNamespace,
  held: () => RoutesByNamespace,
): ListenerNames {
  const own = { name: hostname ?? '', namespace: undefined };
  if (hostname !== undefined && !isWildcard(hostname)) return { certified: [own], unasked: [] };
  const served = new Map<string, ServedName>();
  if (wildcards && hostname !== undefined) served.set(hostname, own);
  const ofEach = Array.from(routes, ([namespace, some]) => namesOf(namespace, hostname, some));
  const add = (one: ServedName): void => {
    if (!served.has(one.name)) served.set(one.name, one);
  };
  for (const one of inTurn<ServedName>(ofEach)) {
    if (served.size < mostServed) {
      add(one);
      continue;
    }
    for (const [namespace, some] of held())
      for (const other of namesOf(namespace, hostname, some)) add(other);
    break;
  }
  if (wildcards) return { certified: withoutCovered(served), unasked: [] };
  const names = [...served.values()];
  return {
    certified: names.filter(({ name }) => !isWildcard(name)),
    unasked: names.flatMap(({ name }) => (isWildcard(name) ? name : [])),
  };
}

/** One of each in turn, so that nobody's come after all of another one's. */
export function* inTurn<T>(lists: Iterable<Iterable<T>>): Generator<T, void> {
  let open = Array.from(lists, (list): Iterator<T> => list[Symbol.iterator]());
  while (open.length > 0) {
    const left: Iterator<T>[] = [];
    for (const list of open) {
      const next = list.next();
      if (next.done === true) continue;
      yield next.value;
      left.push(list);
    }
    open = left;
  }
}

/** What the routes of a namespace have in common with the listener's hostname, each once. */
function* namesOf(
  namespace: string,
  hostname: string | undefined,
  routes: Iterable<Pick<SiteRoute, 'hostnames'>>,
): Generator<ServedName, void> {
  const names = new Set<string>();
  for (const { hostnames } of routes) {
    for (const one of hostnames.length === 0 ? [undefined] : hostnames) {
      const common = intersection(hostname, one);
      if (common === 'none' || common.hostname === undefined || names.has(common.hostname)) continue;
      names.add(common.hostname);
      yield { name: common.hostname, namespace };
    }
  }
}

/** A certificate for a wildcard covers one label; a wildcard hostname serves any number of them. */
function withoutCovered(served: ReadonlyMap<string, ServedName>): ServedName[] {
  return [...served.values()].filter(
    ({ name }) => isWildcard(name) || !served.has(`*${name.slice(Math.max(0, name.indexOf('.')))}`),
  );
}
