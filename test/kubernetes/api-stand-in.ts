import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { keptByServer } from '../../deploy/local/kept-connections.ts';
import type { ApiAccess } from '../../src/kubernetes/client/api-connection.ts';

export interface StandInObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    resourceVersion?: string;
  };
  readonly [field: string]: unknown;
}

/** Answers instead of the collection; returns false to let the collection answer. */
export type Override = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean;

/**
 * A small HTTP server that behaves as one collection of the Kubernetes API, and misbehaves on demand in ways that a
 * real API server cannot be asked for: expired versions, broken streams, garbage, silence.
 */
export class ApiStandIn {
  readonly requests: URL[] = [];
  override: Override = () => false;
  readonly #server: Server;
  readonly #objects = new Map<string, StandInObject>();
  readonly #watches = new Set<ServerResponse>();
  #version = 100;

  private constructor() {
    this.#server = createServer(keptByServer, (request, response) => this.#answer(request, response));
  }

  static async start(): Promise<ApiStandIn> {
    const standIn = new ApiStandIn();
    standIn.#server.listen(0, '127.0.0.1');
    await once(standIn.#server, 'listening');
    return standIn;
  }

  get server(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('The stand-in does not listen');
    return `http://127.0.0.1:${address.port}`;
  }

  /** A kubeconfig for it. */
  get kubeconfig(): string {
    const name = 'stand-in';
    return JSON.stringify({
      clusters: [{ name, cluster: { server: this.server, 'insecure-skip-tls-verify': true } }],
      users: [{ name, user: { token: 'secret' } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      'current-context': name,
    });
  }

  get access(): ApiAccess {
    const cluster = { name: 'stand-in', server: this.server, skipTLSVerify: true };
    return {
      getCurrentCluster: () => cluster,
      applyToHTTPSOptions: (options) => {
        options.headers = { Authorization: 'Bearer secret' };
        return Promise.resolve();
      },
    };
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  get lists(): URL[] {
    return this.requests.filter((url) => !url.searchParams.has('watch'));
  }

  get watches(): URL[] {
    return this.requests.filter((url) => url.searchParams.has('watch'));
  }

  /** Changes the collection and tells the open watches, unless `quietly`. */
  put(object: StandInObject, quietly = false): void {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    const type = this.#objects.has(key) ? 'MODIFIED' : 'ADDED';
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#objects.set(key, stored);
    if (!quietly) this.send({ type, object: stored });
  }

  remove(key: string, quietly = false): void {
    const object = this.#objects.get(key);
    this.#objects.delete(key);
    this.#version++;
    if (!quietly) this.send({ type: 'DELETED', object });
  }

  bookmark(resourceVersion: string): void {
    this.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion } } });
  }

  /** Writes one event, or raw text, to every open watch. */
  send(event: object | string): void {
    const text = typeof event === 'string' ? event : `${JSON.stringify(event)}\n`;
    for (const watch of this.#watches) watch.write(text);
  }

  /** Ends every watch: properly, or by cutting the connection. */
  endWatches(how: 'close' | 'cut' = 'close'): void {
    for (const watch of this.#watches) {
      if (how === 'close') watch.end();
      else watch.socket?.destroy();
    }
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://stand-in');
    this.requests.push(url);
    if (this.override(request, response, url)) return;
    if (url.searchParams.has('watch')) this.#watch(response);
    else this.#list(response, url);
  }

  #watch(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    this.#watches.add(response);
    response.on('close', () => this.#watches.delete(response));
  }

  #list(response: ServerResponse, url: URL): void {
    const start = Number(url.searchParams.get('continue') ?? 0);
    const limit = Number(url.searchParams.get('limit') ?? this.#objects.size);
    const items = [...this.#objects.values()];
    const end = start + limit;
    const metadata = {
      resourceVersion: String(this.#version),
      ...(end < items.length ? { continue: String(end) } : {}),
    };
    sendJson(response, 200, { kind: 'List', metadata, items: items.slice(start, end) });
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** An error answer in the API server's own form. */
export function sendStatus(
  response: ServerResponse,
  status: number,
  reason: string,
  message: string,
  headers: Record<string, string> = {},
): void {
  sendJson(
    response,
    status,
    { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code: status },
    headers,
  );
}
