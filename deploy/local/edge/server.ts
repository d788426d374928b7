import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createHttpServer } from '../../../src/process/node-http.ts';
import type { Clock } from '../../../src/time/clock.ts';
import { Forwarder } from './forwarder.ts';
import type { StatusWrite } from './gateway/gateway-statuses.ts';
import type { GatewayOptions } from './gateway/gateway-table.ts';
import type { Change } from './objects.ts';
import { type Pace, Propagation } from './propagation.ts';
import type { RoutingOptions } from './routing.ts';
import { Rules } from './rules.ts';
import { selfSignedCertificate } from './self-signed.ts';

export interface EdgeServerOptions extends RoutingOptions {
  /** 'namespace/name:port' (number or name) → a port on loopback */
  readonly services: ReadonlyMap<string, number>;
  /** undefined: Gateway API is unknown to it */
  readonly gateway: GatewayOptions | undefined;
  readonly keepAlive: boolean;
  /** where it listens: an IPv4 address of this machine */
  readonly address: string;
  /** 0 = any free port */
  readonly httpPort: number;
  /** 0 = any free port */
  readonly httpsPort: number;
}

/** One set of rules in force, and the servers that answer by it. They listen nowhere: the edge hands them connections. */
interface Instance {
  readonly rules: Rules;
  readonly propagation: Propagation<Change>;
  readonly http: HttpServer;
  readonly https: HttpsServer;
}

/**
 * The edge without its sources of changes: takes changes, serves HTTP and HTTPS on loopback. Consecutive new connections
 * go to its instances in turn, so with a lag every second one meets yesterday's rules.
 */
export class EdgeServer {
  readonly #options: EdgeServerOptions;
  readonly #clock: Clock;
  readonly #forwarder: Forwarder;
  readonly #instances: readonly Instance[];
  readonly #listeners: { readonly http: Server; readonly https: Server };
  readonly #sockets = new Set<Socket>();

  /** @param applied is called when the first instance serves by a change */
  constructor(options: EdgeServerOptions, clock: Clock, applied: () => void = () => undefined) {
    this.#options = options;
    this.#clock = clock;
    this.#forwarder = new Forwarder({
      httpsPort: () => portOf(this.#listeners.https),
      keepAlive: options.keepAlive,
      upstreamTimeout: 60_000,
    });
    const { delay, interval, lag } = options.behaviour;
    const delays = lag === 0 ? [delay] : [delay, delay + lag];
    this.#instances = delays.map((its, index) =>
      this.#createInstance({ delay: its, interval }, index === 0 ? applied : () => undefined),
    );
    this.#listeners = {
      http: this.#createListener((instance) => instance.http),
      https: this.#createListener((instance) => instance.https),
    };
  }

  /** Takes in an object as it was when the edge started: in force at once. */
  load(change: Change): void {
    for (const { rules } of this.#instances) rules.apply(change);
  }

  /** Takes in a change, which every instance serves by after its own delay. */
  change(change: Change): void {
    for (const { propagation } of this.#instances) propagation.push(change);
  }

  /**
   * What the status of Gateways, routes and the like should be, by what is in force at the first instance.
   * @param now ISO 8601
   */
  statuses(now: string): StatusWrite[] {
    return this.#instances[0]?.rules.statuses(now) ?? [];
  }

  async listen(): Promise<{ httpPort: number; httpsPort: number }> {
    const { http, https } = this.#listeners;
    const { address, httpPort, httpsPort } = this.#options;
    http.listen(httpPort, address, 1024);
    https.listen(httpsPort, address, 1024);
    await Promise.all([once(http, 'listening'), once(https, 'listening')]);
    return { httpPort: portOf(http), httpsPort: portOf(https) };
  }

  /** Closes the ports and every connection. */
  async close(): Promise<void> {
    for (const { propagation } of this.#instances) propagation.stop();
    const { http, https } = this.#listeners;
    const closed = [http, https].filter((server) => server.listening).map((server) => once(server, 'close'));
    http.close();
    https.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#forwarder.close();
    await Promise.all(closed);
  }

  #createInstance(pace: Pace, applied: () => void): Instance {
    const rules = new Rules(this.#options);
    const http = createHttpServer((request, response) => {
      this.#forwarder.handle(rules, 'http', request, response);
    });
    const https = createHttpsServer(
      {
        // Without a certificate of its own the server fails the handshake with an alert.
        ...(this.#options.behaviour.missingCertificate === 'refuse'
          ? {}
          : defaultCertificate(this.#clock.now())),
        SNICallback: (name, done) => {
          const context = rules.contextFor(name.toLowerCase());
          if (context === 'down') done(new Error(`The listener for ${name} is down`));
          else done(null, context);
        },
      },
      (request, response) => {
        this.#forwarder.handle(rules, 'https', request, response);
      },
    );
    for (const server of [http, https]) server.on('clientError', (_error, socket) => socket.destroy());
    const apply = (change: Change): void => {
      rules.apply(change);
      applied();
    };
    return { rules, propagation: new Propagation(this.#clock, pace, apply), http, https };
  }

  #createListener(serverOf: (instance: Instance) => HttpServer | HttpsServer): Server {
    let turn = 0;
    return createServer({ noDelay: true, allowHalfOpen: false }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      const instance = this.#instances[turn++ % this.#instances.length];
      if (instance !== undefined) serverOf(instance).emit('connection', socket);
    });
  }
}

function defaultCertificate(now: number): { cert: string; key: string } {
  const day = 86_400_000;
  const { certificatePem, keyPem } = selfSignedCertificate({
    hosts: ['edge.invalid'],
    commonName: 'Edge Default Certificate',
    notBefore: now - day,
    notAfter: now + 365 * day,
  });
  return { cert: certificatePem, key: keyPem };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
