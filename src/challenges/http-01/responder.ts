import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { normalizeHost } from '../../../machines/hosts/host-names.ts';
import { minute, second } from '../../../machines/time/durations.ts';
import { type Clock, sleep } from '../../time/clock.ts';
import { challengePath } from './challenge-path.ts';

/** A token is base64url with at least 128 bits (RFC 8555, section 8.3); nothing else is ever repeated in an answer. */
const tokenAtStart = /^([A-Za-z0-9_-]{16,128})(?:\?|$)/;

/** Milliseconds that a request for an unknown host waits for the challenge Ingresses to be read. */
const patience = 2 * second;

export interface ResponderOptions {
  /** RFC 7638 thumbprint of the account key, base64url; undefined while there is no account. */
  thumbprint(): string | undefined;
  /** Whether a challenge Ingress carries this host now; lower case, without port and final dot. */
  hasHost(host: string): boolean;
  /** Reads the challenge Ingresses anew; called for every unknown host, so that it is not to begin a reading each time. */
  refresh(): Promise<void>;
  /** Told of what `thumbprint` or `hasHost` throws; the request got a 404. */
  onError(error: unknown): void;
  readonly clock: Clock;
}

/**
 * The HTTP-01 responder: answers every token with TOKEN.THUMBPRINT, for hosts that are being validated. Stateless, so any
 * replica answers at once. That it repeats a token of the request is safe for a strict alphabet, as text/plain and with
 * nosniff; that it does so only for hosts in a challenge Ingress keeps a host that merely points here from being proven.
 *
 * Listen with `server.listen(port)`. Failed connections and malformed requests are dealt with by Node.
 */
export function createResponder(options: ResponderOptions): Server {
  async function refresh(): Promise<void> {
    const answered = new AbortController();
    await Promise.race([
      // Who asks gets the answer from what is known; the reader reports its own trouble.
      options.refresh().catch(() => undefined),
      sleep(options.clock, patience, answered.signal).catch(() => undefined),
    ]);
    answered.abort();
  }

  async function answerTo(request: IncomingMessage): Promise<string | undefined> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    const token = requestedToken(request);
    const host = requestedHost(request);
    if (token === undefined || host === undefined) return undefined;
    if (!options.hasHost(host)) {
      await refresh();
      if (!options.hasHost(host)) return undefined;
    }
    const thumbprint = options.thumbprint();
    return thumbprint === undefined ? undefined : `${token}.${thumbprint}`;
  }

  const server = createServer({ maxHeaderSize: 16 * 1024, requireHostHeader: true }, (request, response) => {
    void answerTo(request)
      .catch((error: unknown) => {
        options.onError(error);
        return undefined;
      })
      .then((keyAuthorization) => respond(request, response, keyAuthorization));
  });
  server.headersTimeout = 10 * second;
  server.requestTimeout = 15 * second;
  server.timeout = 2 * minute;
  // Longer than ingress controllers keep a connection (60 s), so that they close it and not we, under their request.
  server.keepAliveTimeout = 75 * second;
  server.maxConnections = 2000;
  return server;
}

function requestedToken({ url = '' }: IncomingMessage): string | undefined {
  if (!url.startsWith(challengePath)) return undefined;
  return tokenAtStart.exec(url.slice(challengePath.length))?.[1];
}

function requestedHost(request: IncomingMessage): string | undefined {
  const [authority, ...more] = request.headersDistinct['host'] ?? [];
  if (authority === undefined || more.length > 0) return undefined;
  return normalizeHost(authority.replace(/:\d*$/, ''));
}

function respond(
  request: IncomingMessage,
  response: ServerResponse,
  keyAuthorization: string | undefined,
): void {
  const body = keyAuthorization ?? 'Not found\n';
  response.writeHead(keyAuthorization === undefined ? 404 : 200, {
    'content-type': 'text/plain',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // The rest of a request with a body is not waited for.
    ...(request.complete || hasNoBody(request) ? {} : { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function hasNoBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0';
}
