import { type Claim, claimsOf, type HostRoutes, matches, mergeClaims, type Route } from './host-table.ts';
import type { Backend, Change, ClassObject, IngressObject, ServiceObject } from './objects.ts';

/**
 * When plain http is answered with a redirect to https:
 * - `off` never;
 * - `ingress` if the rule that takes the request comes from an Ingress whose tls section lists the host;
 * - `host` if any Ingress lists the host under tls, for each of its paths, save those of an Ingress that says otherwise
 *   by annotation (ingress-nginx and haproxy-ingress with their exemption of the challenge path taken out);
 * - `all` before any path is looked at, as F5 NGINX does: the oldest Ingress that lists the host under tls decides.
 */
export type Redirect = 'off' | 'ingress' | 'host' | 'all';

export interface RoutingOptions {
  readonly mode: 'merge' | 'oldest';
  readonly redirect: Redirect;
  /** the `spec.controller` of the IngressClasses that are ours */
  readonly controllerName: string;
  /** only this one of the controller's classes */
  readonly className: string | undefined;
  /** whether an Ingress that names no class is ours even if none of our classes is the default one */
  readonly withoutClass: boolean;
  /** 'namespace/name:port' (number or name) → a port on loopback */
  readonly services: ReadonlyMap<string, number>;
}

export type Decision =
  | { readonly kind: 'forward'; readonly port: number; readonly ingress: string }
  | { readonly kind: 'redirect'; readonly status: 301 | 308 }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'unavailable'; readonly service: string };

/**
 * What an ingress controller makes of the objects it has seen: which request goes where. Pure; a lookup is one or two
 * Map reads and a walk over the paths of one host, a change touches only the hosts that the changed Ingress names.
 */
export class RoutingTable {
  readonly #options: RoutingOptions;
  readonly #ingresses = new Map<string, IngressObject>();
  readonly #classes = new Map<string, ClassObject>();
  readonly #services = new Map<string, ServiceObject>();
  /** the claims now in force, by Ingress and host */
  readonly #active = new Map<string, ReadonlyMap<string, Claim>>();
  readonly #claims = new Map<string, Map<string, Claim>>();
  readonly #hosts = new Map<string, HostRoutes>();

  constructor(options: RoutingOptions) {
    this.#options = options;
  }

  /** Takes in one change of an Ingress, IngressClass or Service; Secrets are none of the table's business. */
  apply(change: Change): void {
    switch (change.kind) {
      case 'ingress':
        store(this.#ingresses, change.key, change.object);
        this.#refresh(change.key);
        return;
      case 'class':
        store(this.#classes, change.key, change.object);
        for (const key of this.#ingresses.keys()) this.#refresh(key);
        return;
      case 'service':
        store(this.#services, change.key, change.object);
        return;
      case 'secret':
        return;
    }
  }

  /**
   * Decides on one request.
   * @param host the Host header in lower case, without port and final dot
   * @param path the request path without its query
   */
  route(scheme: 'http' | 'https', host: string, path: string): Decision {
    const found = this.#find(host);
    if (found === undefined) return { kind: 'not-found' };
    const { redirect } = this.#options;
    if (scheme === 'http' && redirect === 'all' && found.tls[0]?.sslRedirect === true) {
      return { kind: 'redirect', status: 301 };
    }
    const route = found.routes.find((candidate) => matches(candidate, path));
    if (scheme === 'http' && this.#redirects(found, route)) return { kind: 'redirect', status: 308 };
    if (route === undefined) return { kind: 'not-found' };
    const port = route.backend === undefined ? undefined : this.#localPort(route.backend);
    return port === undefined
      ? { kind: 'unavailable', service: route.backend?.service ?? 'no Service' }
      : { kind: 'forward', port, ingress: route.claim.ingress };
  }

  /** The Secrets ('namespace/name') named for a host, those of the oldest Ingress first. */
  secretsOf(host: string): readonly string[] {
    const claims = this.#hosts.get(host)?.tls ?? this.#hosts.get(wildcardOf(host))?.tls ?? [];
    return claims.flatMap((claim) => claim.secret ?? []);
  }

  #redirects(host: HostRoutes, route: Route | undefined): boolean {
    const { redirect } = this.#options;
    if (redirect === 'ingress') return route !== undefined && route.claim.tls && route.claim.sslRedirect;
    return redirect === 'host' && host.tls.length > 0 && (route === undefined || route.claim.sslRedirect);
  }

  /** The host itself, else its wildcard, else the rules for every host: never a mixture, as with nginx's servers. */
  #find(host: string): HostRoutes | undefined {
    for (const name of [host, wildcardOf(host), '']) {
      const routes = this.#hosts.get(name);
      if (routes?.known === true) return routes;
    }
    return undefined;
  }

  #localPort(backend: Backend): number | undefined {
    const port = this.#services
      .get(backend.service)
      ?.ports.find((candidate) => candidate.port === backend.port || candidate.name === backend.port);
    if (port === undefined) return undefined;
    const { services } = this.#options;
    return services.get(`${backend.service}:${port.port}`) ?? services.get(`${backend.service}:${port.name}`);
  }

  #refresh(key: string): void {
    const ingress = this.#ingresses.get(key);
    const claims = ingress !== undefined && this.#isOurs(ingress) ? claimsOf(key, ingress) : undefined;
    const former = this.#active.get(key);
    if (claims === undefined && former === undefined) return;
    store(this.#active, key, claims);
    for (const host of new Set([...(former?.keys() ?? []), ...(claims?.keys() ?? [])])) {
      this.#merge(host, key, claims?.get(host));
    }
  }

  #merge(host: string, key: string, claim: Claim | undefined): void {
    const claims = this.#claims.get(host) ?? new Map<string, Claim>();
    store(claims, key, claim);
    store(this.#claims, host, claims.size === 0 ? undefined : claims);
    store(
      this.#hosts,
      host,
      claims.size === 0 ? undefined : mergeClaims(claims.values(), this.#options.mode),
    );
  }

  /** The legacy annotation is looked at first, as ingress-nginx does. */
  #isOurs(ingress: IngressObject): boolean {
    if (ingress.classAnnotation !== undefined) {
      return ingress.classAnnotation === this.#options.className || this.#isOurClass(ingress.classAnnotation);
    }
    if (ingress.className !== undefined) return this.#isOurClass(ingress.className);
    if (this.#options.withoutClass) return true;
    return [...this.#classes].some(([name, { isDefault }]) => isDefault && this.#isOurClass(name));
  }

  #isOurClass(name: string): boolean {
    const { className, controllerName } = this.#options;
    if (className !== undefined && className !== name) return false;
    return this.#classes.get(name)?.controller === controllerName;
  }
}

function wildcardOf(host: string): string {
  const dot = host.indexOf('.');
  return dot === -1 ? host : `*${host.slice(dot)}`;
}

function store<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
