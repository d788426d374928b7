import type { Backend, ServiceObject } from './objects.ts';

/** The Services that an edge has seen, and the local ports that stand for theirs. */
export class ServicePorts {
  readonly #local: ReadonlyMap<string, number>;
  readonly #services = new Map<string, ServiceObject>();

  /** @param local 'namespace/name:port' (number or name) → a port on loopback */
  constructor(local: ReadonlyMap<string, number>) {
    this.#local = local;
  }

  set(key: string, service: ServiceObject | undefined): void {
    if (service === undefined) this.#services.delete(key);
    else this.#services.set(key, service);
  }

  has(key: string): boolean {
    return this.#services.has(key);
  }

  /** The port on loopback; undefined if the Service, or its port, is not there. */
  localPort({ service, port }: Backend): number | undefined {
    const found = this.#services
      .get(service)
      ?.ports.find((candidate) => candidate.port === port || candidate.name === port);
    if (found === undefined) return undefined;
    return this.#local.get(`${service}:${found.port}`) ?? this.#local.get(`${service}:${found.name}`);
  }
}
