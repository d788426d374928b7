import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request } from '../../../src/process/node-http.ts';
import type { Decision } from './routing.ts';

export interface ForwarderOptions {
  /** the https port, for redirects that name it; 443 is left out of them */
  readonly httpsPort: () => number;
  /** whether a client may send a second request over its connection */
  readonly keepAlive: boolean;
  /** milliseconds without a byte from the Service before the edge gives up */
  readonly upstreamTimeout: number;
}

/** Where requests go. */
export interface Table {
  /**
   * @param host the Host header in lower case, without port and final dot
   * @param path the request path without its query
   */
  route(scheme: 'http' | 'https', host: string, path: string): Decision;
}

/** RFC 9110 section 7.6.1: these are between two neighbours and end at a proxy. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Answers requests by a routing table: forwards to loopback ports, bodies streamed in both directions. */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  handle(table: Table, scheme: 'http' | 'https', incoming: IncomingMessage, response: ServerResponse): void {
    if (!this.#options.keepAlive) response.shouldKeepAlive = false;
    const host = hostName(incoming.headers.host ?? '');
    const target = originForm(incoming.url ?? '/');
    const decision = table.route(scheme, host, withoutQuery(target));
    switch (decision.kind) {
      case 'forward':
        this.#forward(decision, scheme, target, incoming, response);
        return;
      case 'redirect': {
        const port = this.#options.httpsPort();
        const authority = decision.port === 'none' || port === 443 ? host : `${host}:${port}`;
        response.setHeader('location', `https://${authority}${target}`);
        answer(incoming, response, decision.status, 'moved to https');
        return;
      }
      case 'unavailable':
        answer(incoming, response, decision.status, `no endpoint for ${decision.service}`);
        return;
      case 'not-found':
        answer(incoming, response, 404, 'no rule for this host and path');
        return;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #forward(
    decision: Extract<Decision, { kind: 'forward' }>,
    scheme: 'http' | 'https',
    target: string,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): void {
    const chunked = incoming.headers['transfer-encoding'] !== undefined;
    const bodiless = incoming.headers['content-length'] === undefined && !chunked;
    // A kept connection may turn out to be closed already; only a request that changes nothing can be sent again.
    const repeatable = bodiless && (incoming.method === 'GET' || incoming.method === 'HEAD');
    const headers = forwardedHeaders(incoming, scheme);
    if (chunked) headers.push('Transfer-Encoding', 'chunked');
    const attempt = (agent: InstanceType<typeof Agent> | false): void => {
      const outgoing = request({
        host: '127.0.0.1',
        port: decision.port,
        method: incoming.method ?? 'GET',
        path: target,
        headers,
        agent,
        timeout: this.#options.upstreamTimeout,
        setHost: false,
      });
      const abandon = (): void => {
        outgoing.destroy();
      };
      response.once('close', abandon);
      outgoing.once('timeout', () => {
        if (!response.headersSent) answer(incoming, response, 504, 'the Service does not answer');
        outgoing.destroy();
      });
      outgoing.once('response', (upstream) => {
        response.writeHead(upstream.statusCode ?? 502, upstream.statusMessage, endToEnd(upstream.rawHeaders));
        upstream.pipe(response);
        // Half a body must reach the client as half a body.
        upstream.once('error', () => response.destroy());
      });
      outgoing.once('error', () => {
        response.off('close', abandon);
        if (response.destroyed || response.writableEnded) return;
        if (response.headersSent) response.destroy();
        else if (repeatable && outgoing.reusedSocket) attempt(false);
        else answer(incoming, response, 502, 'the Service cannot be reached');
      });
      if (bodiless) outgoing.end();
      else incoming.pipe(outgoing);
    };
    attempt(this.#agent);
  }
}

function answer(incoming: IncomingMessage, response: ServerResponse, status: number, message: string): void {
  incoming.resume();
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${status} ${message}\n`);
}

/** The client's own X-Forwarded headers are replaced, as a controller on the open Internet has to do. */
function forwardedHeaders(incoming: IncomingMessage, scheme: 'http' | 'https'): string[] {
  const headers = endToEnd(incoming.rawHeaders).filter(
    (_, index, all) => !(all[index - (index % 2)] ?? '').toLowerCase().startsWith('x-forwarded-'),
  );
  const address = incoming.socket.remoteAddress ?? '';
  const host = incoming.headers.host ?? '';
  headers.push('X-Forwarded-For', address, 'X-Forwarded-Host', host);
  headers.push('X-Forwarded-Proto', scheme, 'X-Forwarded-Port', String(incoming.socket.localPort ?? ''));
  return headers;
}

function endToEnd(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!hopByHop.has(name.toLowerCase())) kept.push(name, rawHeaders[index + 1] ?? '');
  }
  return kept;
}

/** A host name in lower case, without port and final dot. */
function hostName(header: string): string {
  return header.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}

/** A client may name the whole URL in its request line (RFC 9112 section 3.2.2). */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const url = URL.parse(target);
  return url === null ? '/' : url.pathname + url.search;
}

function withoutQuery(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}
