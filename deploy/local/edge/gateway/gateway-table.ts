import type { SecureContext } from 'node:tls';
import type { CertificateStore } from '../certificates.ts';
import type { Decision } from '../routing.ts';
import type { ServicePorts } from '../service-ports.ts';
import { type Attachment, attachmentsOf, backendRefusal } from './gateway-attachments.ts';
import { moreSpecificFirst, takesHost } from './gateway-hostnames.ts';
import { GatewayInventory } from './gateway-inventory.ts';
import type { GatewayChange, RouteObject, RouteRule } from './gateway-kinds.ts';
import { type Gateway, gatewayOf, type Listener, type ListenerRules } from './gateway-listeners.ts';

export interface GatewayOptions {
  /** the `spec.controllerName` of the GatewayClasses that are ours */
  readonly controllerName: string;
  readonly missingSecret: ListenerRules['missingSecret'];
}

/** What is in force. */
export interface GatewayModel {
  readonly gateways: readonly Gateway[];
  /** of each route that names something of ours */
  readonly attachments: ReadonlyMap<RouteObject, readonly Attachment[]>;
}

interface Match {
  readonly route: RouteObject;
  readonly rule: RouteRule;
  readonly type: 'Exact' | 'PathPrefix';
  readonly path: string;
}

/**
 * What a controller of Gateway API makes of the objects it has seen: which request goes where, with which certificate. All its
 * Gateways are at one address, so a request belongs to the listeners with the most specific hostname of all. Worked out anew
 * when it is asked after a change.
 */
export class GatewayTable {
  readonly inventory = new GatewayInventory();
  readonly #options: GatewayOptions;
  readonly #services: ServicePorts;
  readonly #certificates: CertificateStore;
  #model: GatewayModel | undefined;
  /** by scheme and host */
  readonly #matches = new Map<string, readonly Match[]>();

  constructor(options: GatewayOptions, services: ServicePorts, certificates: CertificateStore) {
    this.#options = options;
    this.#services = services;
    this.#certificates = certificates;
  }

  apply(change: GatewayChange): void {
    this.inventory.apply(change);
    this.invalidate();
  }

  /** A Service or Secret has changed. */
  invalidate(): void {
    this.#model = undefined;
    this.#matches.clear();
  }

  get model(): GatewayModel {
    this.#model ??= this.#read();
    return this.#model;
  }

  /** As the Ingresses' table. */
  route(scheme: 'http' | 'https', host: string, path: string): Decision {
    const match = this.#matchesOf(scheme, host).find((candidate) => takesPath(candidate, path));
    if (match === undefined) return { kind: 'not-found' };
    const { route, rule } = match;
    if (rule.redirect !== undefined) return { kind: 'redirect', status: rule.redirect, port: 'none' };
    // By weight all would have their share; one of them is enough to see that a request arrives.
    const backend = rule.backends.find(({ weight }) => weight > 0);
    if (backend === undefined) return { kind: 'unavailable', status: 500, service: 'no backendRef' };
    const service = `${backend.ref.namespace}/${backend.ref.name}`;
    if (backendRefusal(route, backend.ref, this.inventory, (key) => this.#services.has(key)) !== undefined) {
      return { kind: 'unavailable', status: 500, service };
    }
    const port = this.#services.localPort({ service, port: backend.port ?? '' });
    return port === undefined
      ? { kind: 'unavailable', status: 503, service }
      : { kind: 'forward', port, source: `${route.namespace}/${route.name}` };
  }

  /** The certificate of the listener for this name; 'none' without a listener, 'down' if the listener does not serve. */
  certificateFor(host: string): SecureContext | 'none' | 'down' {
    const [listener] = this.#listenersFor(host, ({ spec }) => spec.protocol !== 'HTTP');
    if (listener === undefined) return 'none';
    if (!listener.programmed.holds) return 'down';
    const secrets = listener.spec.certificateRefs.map(({ namespace, name }) => `${namespace}/${name}`);
    return this.#certificates.contextFor(host, secrets) ?? this.#certificates.firstContext(secrets) ?? 'down';
  }

  /** Those with the most specific hostname among the accepted ones that take the host. */
  #listenersFor(host: string, serves: (listener: Listener) => boolean): readonly Listener[] {
    const taking = this.model.gateways
      .flatMap(({ listeners, sets }) => [...listeners, ...sets.flatMap((set) => set.listeners)])
      .filter(
        (listener) => listener.accepted.holds && serves(listener) && takesHost(listener.spec.hostname, host),
      )
      .toSorted((one, other) => moreSpecificFirst(one.spec.hostname, other.spec.hostname));
    return taking.filter(({ spec }) => spec.hostname === taking[0]?.spec.hostname);
  }

  #matchesOf(scheme: 'http' | 'https', host: string): readonly Match[] {
    const key = `${scheme}:${host}`;
    const known = this.#matches.get(key);
    if (known !== undefined) return known;
    const protocol = scheme.toUpperCase();
    const listeners = this.#listenersFor(host, ({ spec }) => spec.protocol === protocol);
    const serving = new Set(listeners.filter(({ programmed }) => programmed.holds));
    const routes = [...this.model.attachments]
      .filter(([, attachments]) => attachments.some((each) => each.listeners.some((one) => serving.has(one))))
      .flatMap(([route]) => {
        const hostnames = route.hostnames.length === 0 ? [undefined] : route.hostnames;
        const taking = hostnames.filter((name) => takesHost(name, host)).toSorted(moreSpecificFirst);
        return taking.length === 0 ? [] : [{ route, hostname: taking[0] }];
      })
      .toSorted((one, other) => moreSpecificFirst(one.hostname, other.hostname));
    // Hostname before path: a more specific hostname takes every path of the host, as one virtual host of Envoy does.
    const matches = routes
      .filter(({ hostname }) => hostname === routes[0]?.hostname)
      .toSorted((one, other) => olderFirst(one.route, other.route))
      .flatMap(({ route }) =>
        route.rules.flatMap((rule) => rule.matches.map((match): Match => ({ route, rule, ...match }))),
      )
      .toSorted(byPath);
    this.#matches.set(key, matches);
    return matches;
  }

  #read(): GatewayModel {
    const { classes, gateways, routes } = this.inventory;
    const { controllerName, missingSecret } = this.#options;
    const rules = {
      missingSecret,
      isUsable: (key: string) => this.#certificates.firstContext([key]) !== undefined,
    };
    const ours = [...gateways.values()]
      .filter(({ className }) => classes.get(className)?.controllerName === controllerName)
      .map((gateway) => gatewayOf(gateway, this.inventory, rules));
    const attachments = [...routes.values()].map(
      (route) => [route, attachmentsOf(route, ours, this.inventory)] as const,
    );
    return { gateways: ours, attachments: new Map(attachments.filter(([, { length }]) => length > 0)) };
  }
}

/** Exact first, then the longest prefix; the sort is stable, so the rest is as it was: older routes, earlier rules. */
function byPath(one: Match, other: Match): number {
  return (
    Number(other.type === 'Exact') - Number(one.type === 'Exact') ||
    withoutFinalSlash(other.path).length - withoutFinalSlash(one.path).length
  );
}

function olderFirst(one: RouteObject, other: RouteObject): number {
  const [first = '', second = ''] = [one, other].map(({ namespace, name }) => `${namespace}/${name}`);
  return one.createdAt - other.createdAt || (first < second ? -1 : 1);
}

/** A prefix is compared element by element. */
function takesPath({ type, path }: Match, requested: string): boolean {
  if (type === 'Exact') return requested === path;
  const prefix = withoutFinalSlash(path);
  return requested === prefix || requested.startsWith(`${prefix}/`);
}

function withoutFinalSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
