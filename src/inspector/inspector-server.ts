import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { isSourceKey, type SourceKey } from '../../machines/ownership/source-key.ts';
import { second } from '../../machines/time/durations.ts';
import { createBoundedServer, type ServerBounds } from '../process/bounded-server.ts';
import { type FollowerStanding, followerPage, followerView } from './follower.ts';
import { sseFrame } from './frame-ring.ts';
import type { Inspector } from './inspector.ts';
import { contentSecurityPolicy } from './page/assets.ts';
import { pageFile } from './page-file.ts';

/** What is shown of the process that leads. */
export interface Inspection extends Pick<Inspector, 'views' | 'detail' | 'watch' | 'hasRoom'> {
  /** Answers the request for a WebSocket; undefined if there is none. */
  readonly upgrade?: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined;
}

/** No time limit of answers: `/events` is a stream, whose viewers the inspector counts. */
const bounds: ServerBounds = {
  connections: 50,
  headerBytes: 8 * 1024,
  requestTimeout: 5 * second,
  keepAlive: 5 * second,
  requestsPerConnection: 1000,
};

/**
 * Serves the page and its data (see protocol.ts), on 127.0.0.1 only and read-only. A request with another Host or Origin is
 * refused, against DNS rebinding.
 */
export function createInspectorServer(now: () => Inspection | FollowerStanding): Server {
  const server = createBoundedServer(bounds, (request, response) => {
    answer(now(), request, response).catch(() => response.destroy());
  });
  server.on('upgrade', (request, socket, head) => {
    const role = now();
    if ('upgrade' in role && role.upgrade !== undefined) role.upgrade(request, socket, head);
    else socket.destroy();
  });
  return server;
}

async function answer(
  role: Inspection | FollowerStanding,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method, headers } = request;
  if (!isLocal(request)) {
    send(response, 403, 'forbidden: use localhost, and no page of another origin');
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    send(response, 405, 'read-only');
    return;
  }
  const [path = '/', query] = (request.url ?? '/').split('?');
  if ('waitingFor' in role) return answerFollowing(role, path, method, response);
  if (path === '/events') {
    if (method === 'HEAD') send(response, 405, 'a stream needs GET');
    else if (!role.hasRoom) send(response, 503, 'too many viewers: close one of the pages');
    else {
      const asked = new URLSearchParams(query);
      const after = textOf(headers['last-event-id']) ?? asked.get('after') ?? undefined;
      role.watch(response, after, keyOf(asked.get('source')));
    }
    return;
  }
  const target = targetOf(path);
  if (target === undefined) return sendFile(response, path, method);
  const data = target.key === undefined ? role.views() : role.detail(target.key);
  if (data === undefined)
    send(response, 404, 'no such Ingress, Gateway or ListenerSet, or it requests no certificate');
  else send(response, 200, JSON.stringify(data), 'application/json');
}

async function answerFollowing(
  standing: FollowerStanding,
  path: string,
  method: string,
  response: ServerResponse,
): Promise<void> {
  const view = followerView(standing);
  if (path === '/') {
    response.setHeader('content-security-policy', contentSecurityPolicy);
    const page = followerPage(view);
    send(response, 200, method === 'HEAD' ? '' : page, 'text/html');
  } else if (path === '/events') {
    const frame = sseFrame(undefined, 'following', JSON.stringify(view));
    send(response, 200, method === 'HEAD' ? '' : frame, 'text/event-stream');
  } else if (path.startsWith('/page/')) await sendFile(response, path, method);
  else send(response, 503, JSON.stringify(view), 'application/json');
}

async function sendFile(response: ServerResponse, path: string, method: string): Promise<void> {
  const file = await pageFile(path);
  if (file === undefined) send(response, 404, 'not found');
  else response.writeHead(200, file.headers).end(method === 'HEAD' ? undefined : file.body);
}

interface Target {
  /** Undefined: all. */
  readonly key: SourceKey | undefined;
}

/** The requested data, if the path is not the page's. */
function targetOf(path: string): Target | undefined {
  if (path === '/sources') return { key: undefined };
  const [, text = ''] = /^\/sources\/(.+)$/.exec(path) ?? [];
  try {
    const key = keyOf(text.split('/').map(decodeURIComponent).join('/'));
    return key === undefined ? undefined : { key };
  } catch {
    return undefined;
  }
}

function keyOf(text: string | null): SourceKey | undefined {
  return text !== null && isSourceKey(text) ? text : undefined;
}

const localHost = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** Whether Host is a name of this machine, and Origin, if any, is our page. */
export function isLocal({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const { host = '', origin } = headers;
  return localHost.test(host) && (origin === undefined || origin === `http://${host}`);
}

function send(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'cross-origin-resource-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  });
  response.end(type === 'text/plain' ? `${text}\n` : text);
}

function textOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}
