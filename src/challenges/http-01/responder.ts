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
  /**
   * RFC 7638 thumbprint of the account key that this host is validated for, base64url; undefined for a host that is not being validated.
   * @param host lower case, without port and trailing dot
   */
  thumbprintOf(host: string): string | undefined;
  /** Lists the challenge Ingresses; called for every unknown host, so it must be rate-limited. */
  refresh(): Promise<void>;
  /** Errors of `thumbprintOf`; the request was answered with 404. */
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

/** The answer to `GET /`, whatever the host. */
const healthy = 'OK\n';

/** The host is not known, and whether it is being validated could not be asked. */
const cannotTell = Symbol('cannot tell');

/**
 * The HTTP-01 responder: answers every token with TOKEN.THUMBPRINT, for hosts that are being validated. Stateless: any replica
 * answers. Echoing the token is safe because of its strict alphabet, text/plain and nosniff; only hosts in a challenge Ingress are
 * answered, so a host that merely points here cannot be proven.
 *
 * Where it cannot tell, because the API server is away, it closes the connection: a 404 would fail the order, while ingress controllers
 * ask another replica after a connection that broke.
 *
 * `GET /` is answered with 200: some load balancers (GKE's by default) check a backend by it, and send no challenge to one that fails.
 *
 * Listen with `server.listen(port)`. Node handles failed connections and malformed requests.
 */
export function createResponder(options: ResponderOptions): Server {
  /** @returns whether they have been listed */
  async function refresh(): Promise<boolean> {
    const answered = new AbortController();
    const listed = await Promise.race([
      // The reader reports its own errors.
      options.refresh().then(
        () => true,
        () => false,
      ),
      sleep(options.clock, patience, answered.signal).then(
        () => false,
        () => false,
      ),
    ]);
    answered.abort();
    return listed;
  }

  async function answerTo(request: IncomingMessage): Promise<string | typeof cannotTell | undefined> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    if (request.url === '/') return healthy;
    const token = requestedToken(request);
    const host = requestedHost(request);
    if (token === undefined || host === undefined) return undefined;
    let thumbprint = options.thumbprintOf(host);
    if (thumbprint === undefined) {
      const listed = await refresh();
      thumbprint = options.thumbprintOf(host);
      if (thumbprint === undefined && !listed) return cannotTell;
    }
    return thumbprint === undefined ? undefined : `${token}.${thumbprint}`;
  }

  return createBoundedServer(bounds, (request, response) => {
    void answerTo(request)
      .catch((error: unknown) => {
        options.onError(error);
        return undefined;
      })
      .then((answer) => {
        if (answer === cannotTell) response.destroy();
        else respond(request, response, answer);
      });
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

function respond(request: IncomingMessage, response: ServerResponse, answer: string | undefined): void {
  const body = answer ?? 'Not found\n';
  response.writeHead(answer === undefined ? 404 : 200, {
    'content-type': 'text/plain',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
