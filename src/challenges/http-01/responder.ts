import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { challengePath } from '../../../machines/hosts/challenge-path.ts';
import { normalizeHost } from '../../../machines/hosts/host-names.ts';
import { second } from '../../../machines/time/durations.ts';
import { createBoundedServer, type ServerBounds } from '../../process/bounded-server.ts';
import { type Clock, sleep } from '../../time/clock.ts';

/** A token is base64url with at least 128 bits (RFC 8555, section 8.3); nothing else is echoed. */
const tokenAtStart = /^([A-Za-z0-9_-]{16,128})(?:\?|$)/;

/** Milliseconds that a request for an unknown host waits for a new list of the challenge Ingresses. */
const patience = 2 * second;

export interface ResponderOptions {
  /** RFC 7638 thumbprint of the account key, base64url; undefined without an account. */
  thumbprint(): string | undefined;
  /** Whether a challenge Ingress has this host; lower case, without port and trailing dot. */
  hasHost(host: string): boolean;
  /** Lists the challenge Ingresses; called for every unknown host, so it must be rate-limited. */
  refresh(): Promise<void>;
  /** Errors of `thumbprint` and `hasHost`; the request was answered with 404. */
  onError(error: unknown): void;
  readonly clock: Clock;
}

const bounds: ServerBounds = {
  connections: 2000,
  headerBytes: 16 * 1024,
  requestTimeout: 5 * second,
  answerTimeout: 10 * second,
  // Longer than the keep-alive of ingress controllers (60 s): they must close first, or a request of theirs may fail.
  keepAlive: 75 * second,
  requestsPerConnection: 1000,
};

/**
 * The HTTP-01 responder: answers every token with TOKEN.THUMBPRINT, for hosts that are being validated. Stateless: any replica
 * answers. Echoing the token is safe because of its strict alphabet, text/plain and nosniff; only hosts in a challenge Ingress are
 * answered, so a host that merely points here cannot be proven.
 *
 * Listen with `server.listen(port)`. Node handles failed connections and malformed requests.
 */
export function createResponder(options: ResponderOptions): Server {
  async function refresh(): Promise<void> {
    const answered = new AbortController();
    await Promise.race([
      // Answer from the cache; the reader reports its own errors.
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

  return createBoundedServer(bounds, (request, response) => {
    void answerTo(request)
      .catch((error: unknown) => {
        options.onError(error);
        return undefined;
      })
      .then((keyAuthorization) => respond(request, response, keyAuthorization));
  });
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
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
