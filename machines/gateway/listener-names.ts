import { isWildcard } from '../hosts/host-names.ts';
import type { GatewayReading, ListenerReading } from './gateway-objects.ts';
import { intersection } from './hostname-match.ts';
import type { Attachment } from './route-attachment.ts';

/** Annotation of a Gateway or ListenerSet: `true` asks for wildcard certificates for wildcard hostnames. */
export const wildcardAnnotation = 'kube-lego.io/wildcard';

/** Names of a listener that are read; a certificate has fewer. Any number of routes may be attached to a shared Gateway. */
export const mostServed = 2000;

/** The names of a listener. */
export interface ListenerNames {
  /** That a certificate is to cover, those of the oldest routes first. */
  readonly certified: readonly string[];
  /** Wildcards that are served, and that no annotation asks for. */
  readonly unasked: readonly string[];
}

/**
 * The hostname of a listener, if it is a specific one; else the hostnames that it has in common with the routes attached to it. Gateway API
 * ("Hostnames", TLS) forbids to make a wildcard certificate of a listener's hostname, and wants each common hostname represented.
 *
 * @param routes attached to the listener, the oldest first; read as far as they count
 */
export function listenerNames(
  { wildcards }: Pick<GatewayReading, 'wildcards'>,
  { hostname }: Pick<ListenerReading, 'hostname'>,
  routes: Iterable<Pick<Attachment, 'hostnames'>>,
): ListenerNames {
  if (hostname !== undefined && !isWildcard(hostname)) return { certified: [hostname], unasked: [] };
  const served = new Set<string>();
  if (wildcards && hostname !== undefined) served.add(hostname);
  for (const { hostnames } of routes) {
    if (served.size >= mostServed) break;
    for (const one of hostnames.length === 0 ? [undefined] : hostnames) {
      const common = intersection(hostname, one);
      if (common !== 'none' && common.hostname !== undefined) served.add(common.hostname);
    }
  }
  if (wildcards) return { certified: withoutCovered(served), unasked: [] };
  const names = [...served];
  return {
    certified: names.filter((name) => !isWildcard(name)),
    unasked: names.filter(isWildcard),
  };
}

/** A certificate for a wildcard covers one label; a wildcard hostname serves any number of them. */
function withoutCovered(names: ReadonlySet<string>): string[] {
  return [...names].filter(
    (name) => isWildcard(name) || !names.has(`*${name.slice(Math.max(0, name.indexOf('.')))}`),
  );
}
