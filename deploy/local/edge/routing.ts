import { challengePath } from '../../../machines/hosts/challenge-path.ts';
import { type Claim, claimsOf, type HostRoutes, matches, mergeClaims, type Route } from './host-table.ts';
import type { Change, ClassObject, IngressObject } from './objects.ts';
import type { Behaviour } from './profiles.ts';
import type { ServicePorts } from './service-ports.ts';

export interface RoutingOptions {
  readonly behaviour: Behaviour;
  /** the `spec.controller` of the IngressClasses that are ours */
  readonly controllerName: string;
  /** only this one of the controller's classes */
  readonly className: string | undefined;
  /** whether an Ingress that names no class is ours even if none of our classes is the default one */
  readonly withoutClass: boolean;
}

export type Decision =
  | { readonly kind: 'forward'; readonly port: number; readonly source: string }
  | { readonly kind: 'redirect'; readonly status: number; readonly port: 'own' | 'none' }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'unavailable'; readonly status: 500 | 503; readonly service: string };

const exemptPath = challengePath.slice(0, -1);

/**
 * What an ingress controller makes of the objects it has seen: which request goes where. Pure; a lookup is one or two
 * Map reads and a walk over the paths of one host, a change touches only the hosts that the changed Ingress names.
 */
export class RoutingTable {
  readonly #options: RoutingOptions;
  readonly #ingresses = new Map<string, IngressObject>();
  readonly #classes = new Map<string, ClassObject>();
  readonly #services: ServicePorts;
  /** the claims now in force, by Ingress and host */
  readonly #active = new Map<string, ReadonlyMap<string, Claim>>();
  readonly #claims = new Map<string, Map<string, Claim>>();
  readonly #hosts = new Map<string, HostRoutes>();

  constructor(options: RoutingOptions, services: ServicePorts) {
    this.#options = options;
    this.#services = services;
  }

  /** Takes in one change of an Ingress or IngressClass. */
  apply(change: Extract<Change, { readonly kind: 'ingress' | 'class' }>): void {
    if (change.kind === 'ingress') {
      store(this.#ingresses, change.key, change.object);
      this.#refresh(change.key);
    } else {
      store(this.#classes, change.key, change.object);
      for (const key of this.#ingresses.keys()) this.#refresh(key);
    }
  }

  /**
   * Decides on one request.
   * @param host the Host header in lower case, without port and final dot
   * @param path the request path without its query
   */
  route(scheme: 'http' | 'https', host: string, path: string): Decision {
    const { redirect, redirectStatus, redirectPort, fallThrough } = this.#options.behaviour;
    const moved: Decision = { kind: 'redirect', status: redirectStatus, port: redirectPort };
    const candidates = this.#candidates(scheme, host);
    const [own] = candidates;
    if (own === undefined) return { kind: 'not-found' };
    if (scheme === 'http' && redirect === 'all' && own.tls[0]?.sslRedirect === true) return moved;
    for (const found of fallThrough ? candidates : [own]) {
      const route = found.routes.find((candidate) => matches(candidate, path));
      if (route === undefined) continue;
      return scheme === 'http' && this.#redirects(found, route) ? moved : this.#forward(route);
    }
    return { kind: 'not-found' };
  }

  /** 'namespace/name' of the Secrets that may serve a host, first one first. */
  secretsOf(host: string): string[] {
    const lists = [host, wildcardOf(host)].map((name) => this.#hosts.get(name)?.tls ?? []);
    const claims = lists.find(({ length }) => length > 0) ?? [];
    const serving = this.#options.behaviour.certificate === 'first-ingress' ? claims.slice(0, 1) : claims;
    return serving.flatMap((claim) => claim.secret ?? []);
  }

  #forward({ backend, claim }: Route): Decision {
    const port = backend === undefined ? undefined : this.#services.localPort(backend);
    return port === undefined
      ? { kind: 'unavailable', status: 503, service: backend?.service ?? 'no Service' }
      : { kind: 'forward', port, source: claim.ingress };
  }

  #redirects(host: HostRoutes, { path, claim }: Route): boolean {
    const { redirect, exemptsChallengeRules } = this.#options.behaviour;
    if (!claim.sslRedirect || (exemptsChallengeRules && path.startsWith(exemptPath))) return false;
    return redirect === 'ingress' ? claim.tls : redirect === 'host' && host.tls.length > 0;
  }

  /** The host itself, its wildcard, the rules for every host: those that there are, the most specific one first. */
  #candidates(scheme: 'http' | 'https', host: string): HostRoutes[] {
    const served = scheme === 'http' || this.#options.behaviour.https === 'all-hosts';
    return [host, wildcardOf(host), '']
      .map((name) => this.#hosts.get(name))
      .filter((routes) => routes !== undefined)
      .filter(({ known, tls }) => known && (served || tls.length > 0));
  }

  #refresh(key: string): void {
    const ingress = this.#ingresses.get(key);
    const claims =
      ingress !== undefined && this.#isOurs(ingress)
        ? claimsOf(key, ingress, this.#options.behaviour)
        : undefined;
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
      claims.size === 0 ? undefined : mergeClaims(claims.values(), this.#options.behaviour),
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
