import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { second } from '../../../machines/time/durations.ts';
import { isRecord } from '../../process/json.ts';
import { fenced } from '../../process/write-fence.ts';
import type { Clock } from '../../time/clock.ts';
import { KubernetesError } from './kubernetes-error.ts';

/** How to reach the API server now: address, credentials, connection pools. */
export interface Route {
  /** Address of the API server without a trailing slash. */
  readonly server: string;
  /** Authorization. */
  readonly headers: Readonly<Record<string, string>>;
  /** Pool for short requests. */
  readonly calls: Dispatcher;
  /** Pool for watches, each of which occupies a connection for minutes. */
  readonly streams: Dispatcher;
}

/** Where the API server is, and how to apply the credentials for it. client-node's own KubeConfig is one. */
export type ApiAccess = Pick<KubeConfig, 'getCurrentCluster' | 'applyToHTTPSOptions'>;

interface Identity {
  readonly tls: Record<string, unknown>;
  readonly headers: Readonly<Record<string, string>>;
}

/** How long credentials are cached; the kubelet renews a token long before its end. */
const credentialsLifetime = 30 * second;
const connectTimeout = 10 * second;
const tlsOptions = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const;

/**
 * Keeps one pool of connections for all requests. client-node alone opens a TLS connection for every call, and has no
 * time limit (measured; its `applySecurityAuthentication` makes an undici Agent each time).
 * Token, client certificate and CA are read again every 30 seconds and after `distrust`; a new pool is created only when
 * certificates change, and the old one is closed after its last request.
 */
export class ApiConnection {
  readonly #access: ApiAccess;
  readonly #clock: Clock;
  readonly #connections: number;
  readonly #mayWrite: () => boolean;
  readonly #server: string;
  readonly #proxy: string | undefined;
  #identity: Identity | undefined;
  #reading: Promise<Route> | undefined;
  #route: Route | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  /** @param mayWrite whether requests that change something may be sent now */
  constructor(access: ApiAccess, clock: Clock, connections: number, mayWrite: () => boolean) {
    const cluster = access.getCurrentCluster();
    if (cluster === null) {
      throw new TypeError(
        'The kubeconfig has no current cluster: set current-context to one of its contexts',
      );
    }
    this.#access = access;
    this.#clock = clock;
    this.#connections = connections;
    this.#mayWrite = mayWrite;
    this.#server = cluster.server.replace(/\/+$/, '');
    this.#proxy = cluster.proxyUrl;
  }

  /** @throws KubernetesError after `close`; the error of reading the credentials, e.g. ENOENT of a token file */
  route(): Promise<Route> | Route {
    if (this.#closed) throw new KubernetesError('Unreachable', 'The connection to the API server is closed');
    if (this.#route !== undefined && this.#clock.monotonic() - this.#readAt < credentialsLifetime)
      return this.#route;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** After a 401: the credentials are read again before the next request. */
  distrust(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  /** Aborts requests in flight and closes all connections; none is opened again. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#reading?.catch(() => undefined);
    const route = this.#route;
    this.#route = undefined;
    if (route !== undefined) await Promise.all([route.calls.destroy(), route.streams.destroy()]);
  }

  async #read(): Promise<Route> {
    const identity = await readIdentity(this.#access);
    const previous = this.#route;
    const samePool = this.#identity !== undefined && sameTls(this.#identity.tls, identity.tls);
    const route: Route = {
      server: this.#server,
      headers: identity.headers,
      calls:
        (samePool ? previous?.calls : undefined) ??
        fenced(this.#pool(identity.tls, this.#connections), this.#mayWrite, unsent),
      streams: (samePool ? previous?.streams : undefined) ?? this.#pool(identity.tls, null),
    };
    if (previous !== undefined && !samePool) retire(previous);
    this.#identity = identity;
    this.#route = route;
    this.#readAt = this.#clock.monotonic();
    return route;
  }

  #pool(tls: Record<string, unknown>, connections: number | null): Dispatcher {
    const connect = { ...tls, timeout: connectTimeout, keepAlive: true, keepAliveInitialDelay: 30 * second };
    // HTTP/1.1: measured faster than undici's HTTP/2 for these small requests, and watches cannot starve calls.
    const options = { connections, allowH2: false, keepAliveTimeout: 30 * second };
    if (this.#proxy === undefined) return new Agent({ ...options, connect });
    return new ProxyAgent({ ...options, uri: this.#proxy, requestTls: connect });
  }
}

async function readIdentity(access: ApiAccess): Promise<Identity> {
  const options: RequestOptions = {};
  await access.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  if (isRecord(options.headers)) {
    for (const [name, value] of Object.entries(options.headers))
      headers[name.toLowerCase()] = String(value).trim();
  }
  if (typeof options.auth === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  const tls: Record<string, unknown> = {};
  for (const name of tlsOptions) {
    const value: unknown = Reflect.get(options, name);
    if (value !== undefined && value !== null) tls[name] = value;
  }
  return { tls, headers };
}

function unsent(message: string): KubernetesError {
  return new KubernetesError('Unreachable', message);
}

function sameTls(left: Record<string, unknown>, right: Record<string, unknown>): boolean {
  return tlsOptions.every((name) => {
    const a = left[name];
    const b = right[name];
    return Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : a === b;
  });
}

function retire(route: Route): void {
  for (const pool of [route.calls, route.streams]) pool.close().catch(() => undefined);
}
