import type { SecureContext } from 'node:tls';
import { CertificateStore } from './certificates.ts';
import { type StatusWrite, statusesOf } from './gateway/gateway-statuses.ts';
import { type GatewayOptions, GatewayTable } from './gateway/gateway-table.ts';
import type { Change } from './objects.ts';
import { type Decision, type RoutingOptions, RoutingTable } from './routing.ts';
import { ServicePorts } from './service-ports.ts';

export interface RulesOptions extends RoutingOptions {
  /** 'namespace/name:port' (number or name) → a port on loopback */
  readonly services: ReadonlyMap<string, number>;
  /** undefined: Gateway API is unknown */
  readonly gateway: GatewayOptions | undefined;
}

/** All that one instance of the edge serves by: Ingresses first, then Gateways for what no Ingress takes. */
export class Rules {
  readonly #services: ServicePorts;
  readonly #certificates = new CertificateStore();
  readonly #ingresses: RoutingTable;
  readonly #gateways: GatewayTable | undefined;
  readonly #gatewayController: string;

  constructor(options: RulesOptions) {
    this.#services = new ServicePorts(options.services);
    this.#ingresses = new RoutingTable(options, this.#services);
    this.#gatewayController = options.gateway?.controllerName ?? '';
    this.#gateways = options.gateway && new GatewayTable(options.gateway, this.#services, this.#certificates);
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'secret':
        this.#certificates.set(change.key, change.object);
        this.#gateways?.invalidate();
        return;
      case 'service':
        this.#services.set(change.key, change.object);
        this.#gateways?.invalidate();
        return;
      case 'ingress':
      case 'class':
        this.#ingresses.apply(change);
        return;
      default:
        this.#gateways?.apply(change);
    }
  }

  /**
   * Decides on one request.
   * @param host the Host header in lower case, without port and final dot
   * @param path the request path without its query
   */
  route(scheme: 'http' | 'https', host: string, path: string): Decision {
    const decision = this.#ingresses.route(scheme, host, path);
    return decision.kind === 'not-found' && this.#gateways !== undefined
      ? this.#gateways.route(scheme, host, path)
      : decision;
  }

  /** 'namespace/name' of the Secrets that may serve a host of an Ingress, first one first. */
  secretsOf(host: string): string[] {
    return this.#ingresses.secretsOf(host);
  }

  /** What a TLS client that names this host is served with; undefined: the edge's own certificate, if it has one. */
  contextFor(host: string): SecureContext | 'down' | undefined {
    const secrets = this.secretsOf(host);
    if (secrets.length > 0 || this.#gateways === undefined) {
      return this.#certificates.contextFor(host, secrets);
    }
    const context = this.#gateways.certificateFor(host);
    return context === 'none' ? undefined : context;
  }

  /** @param now ISO 8601 */
  statuses(now: string): StatusWrite[] {
    if (this.#gateways === undefined) return [];
    return statusesOf(this.#gateways, this.#services, this.#gatewayController, now);
  }
}
