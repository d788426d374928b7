import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type Dns, startDns } from '../../deploy/local/dns.ts';
import { onFreePorts } from '../../deploy/local/free-ports.ts';
import { type Pebble, type PebbleOptions, startPebble } from '../../deploy/local/pebble.ts';
import { type Session, startSession } from '../../deploy/local/session.ts';
import { type AccountOptions, AccountStore } from '../../src/acme/account/account.ts';
import { type OrderInput, placeOrder } from '../../src/acme/order/order.ts';
import { CaClock } from '../../src/acme/transport/ca-clock.ts';
import { AcmeTransport, type RequestReport } from '../../src/acme/transport/transport.ts';
import { createCsr } from '../../src/certificate/making/csr.ts';
import { systemClock } from '../../src/time/clock.ts';
import { presenterOf } from '../challenges/presenter.ts';
import { newKeyPem } from './keys.ts';
import { MemoryStore } from './memory-store.ts';

/** A real pebble, the account at it, and a responder for its HTTP-01 requests. */
export class World implements AsyncDisposable {
  readonly pebble: Pebble;
  readonly transport: AcmeTransport;
  readonly accounts: AccountStore;
  readonly store: MemoryStore;
  readonly reports: RequestReport[];
  readonly #clock: CaClock;
  readonly #session: Session;
  readonly #responder: Responder;

  constructor(parts: {
    clock: CaClock;
    pebble: Pebble;
    transport: AcmeTransport;
    accounts: AccountStore;
    store: MemoryStore;
    reports: RequestReport[];
    session: Session;
    responder: Responder;
  }) {
    this.#clock = parts.clock;
    this.pebble = parts.pebble;
    this.transport = parts.transport;
    this.accounts = parts.accounts;
    this.store = parts.store;
    this.reports = parts.reports;
    this.#session = parts.session;
    this.#responder = parts.responder;
    this.#responder.thumbprint = () => this.accounts.thumbprint();
  }

  /** Hosts that the responder has a wrong answer for. */
  get wrongHosts(): Set<string> {
    return this.#responder.wrongHosts;
  }

  async obtain(hosts: readonly string[], changes: Partial<OrderInput> = {}): ReturnType<typeof placeOrder> {
    const csr = createCsr(hosts, newKeyPem());
    const signal = changes.signal ?? new AbortController().signal;
    const { transport } = this;
    return this.pebble.guard(
      this.accounts.withAccount(signal, (account) =>
        placeOrder({
          account,
          transport,
          clock: this.#clock,
          signal,
          hosts,
          presenterOf,
          csr,
          ...changes,
        }),
      ),
    );
  }

  /** Another process that uses the same account Secret. */
  restarted(changes: Partial<AccountOptions> = {}): AccountStore {
    const { pebble, store, transport } = this;
    this.#responder.thumbprint = () => accounts.thumbprint();
    const accounts = new AccountStore({
      transport,
      store,
      clock: this.#clock,
      directoryUrl: pebble.directoryUrl,
      ...changes,
    });
    return accounts;
  }

  endpoints(): string[] {
    return this.reports.map(({ endpoint }) => endpoint);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.close();
    await this.#responder.stop();
    await this.pebble.stop();
    await this.#session.stop();
  }
}

/** Answers each HTTP-01 request for each host. */
export class Responder {
  thumbprint: () => string | undefined = () => undefined;
  readonly wrongHosts = new Set<string>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const token = request.url?.split('/').at(-1) ?? '';
      const wrong = this.wrongHosts.has((request.headers.host ?? '').split(':')[0] ?? '');
      response.end(wrong ? 'something else' : `${token}.${this.thumbprint() ?? ''}`);
    });
  }

  async start(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export interface WorldOptions {
  readonly pebble?: Partial<PebbleOptions>;
  readonly account?: Partial<AccountOptions>;
  readonly store?: MemoryStore;
}

/** Starts everything; `await using` stops it. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const session = await startSession();
  try {
    const dns: Dns = await startDns({ session });
    const responder = new Responder();
    const vaHttpPort = await onFreePorts(1, async ([port = 0]) => {
      await responder.start(port);
      return port;
    });
    const pebble = await startPebble({
      session,
      vaHttpPort,
      vaTlsPort: 1,
      dnsAddress: dns.address,
      ...options.pebble,
    });
    const reports: RequestReport[] = [];
    const clock = new CaClock(systemClock);
    const transport = new AcmeTransport({
      clock,
      userAgent: 'kube-lego/test',
      caBundle: await readFile(pebble.caBundle, 'utf8'),
      proxy: { httpsProxy: '', noProxy: '' },
      onRequest: (report) => reports.push(report),
    });
    const store = options.store ?? new MemoryStore();
    const accounts = new AccountStore({
      transport,
      store,
      clock,
      directoryUrl: pebble.directoryUrl,
      ...options.account,
    });
    return new World({ clock, pebble, transport, accounts, store, reports, session, responder });
  } catch (error) {
    await session.stop();
    throw error;
  }
}
