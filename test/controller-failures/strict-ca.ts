import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaEvent } from '../ca/options.ts';
import { CaServer, type CaServerOptions } from '../ca/server.ts';
import type { Stage } from './stage.ts';

type Asked = Extract<CaEvent, { type: 'request' }>;
type Denied = Extract<CaEvent, { type: 'denied' }>;
type OrderAsked = Extract<CaEvent, { type: 'order-asked' }>;

/** The strict CA in pebble's place, and what it saw of the controller. */
export class StrictCa implements AsyncDisposable {
  readonly server: CaServer;
  /** LEGO_URL and LEGO_CA_BUNDLE */
  readonly environment: Readonly<Record<string, string>>;
  readonly #events: readonly CaEvent[];

  private constructor(server: CaServer, environment: Record<string, string>, events: readonly CaEvent[]) {
    this.server = server;
    this.environment = environment;
    this.#events = events;
  }

  static async start({ world }: Stage, options: Partial<CaServerOptions> = {}): Promise<StrictCa> {
    const events: CaEvent[] = [];
    const server = await CaServer.start({
      vaHttpPort: world.edge.httpPort,
      dnsAddress: world.dns.address,
      onEvent: (event) => void events.push(event),
      ...options,
    });
    const bundle = join(world.session.directory, `strict-ca-${new URL(server.ca.origin).port}.pem`);
    await writeFile(bundle, server.caBundle);
    const environment = { LEGO_URL: server.ca.directoryUrl, LEGO_CA_BUNDLE: bundle };
    return new StrictCa(server, environment, events);
  }

  /** All that happened at it. */
  get events(): readonly CaEvent[] {
    return this.#events;
  }

  get requests(): readonly Asked[] {
    return this.#events.filter((event) => event.type === 'request');
  }

  /** When it was asked for orders, and how it answered. */
  get orders(): readonly Asked[] {
    return this.requests.filter(({ endpoint }) => endpoint === 'new-order');
  }

  /** What it refused because of a limit. */
  get denials(): readonly Denied[] {
    return this.#events.filter((event) => event.type === 'denied');
  }

  /** Orders that were asked for before the end of a refusal that held for them, whatever the CA answered. */
  get early(): readonly OrderAsked[] {
    const { denials } = this;
    const holdsFor = ({ scopes }: OrderAsked, { limit, scope }: Denied): boolean =>
      scopes.some((one) => one.limit === limit && one.scope === scope);
    return this.#events
      .filter((event) => event.type === 'order-asked')
      .filter((asked) =>
        denials.some((denial) => denial.at < asked.at && asked.at < denial.until && holdsFor(asked, denial)),
      );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}
