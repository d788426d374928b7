import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isSourceKey, type SourceKey } from '../../machines/ownership/source-key.ts';
import { second } from '../../machines/time/durations.ts';
import { createBoundedServer, type ServerBounds } from '../process/bounded-server.ts';
import type { Inspector } from './inspector.ts';
import { pageFile } from './page/files.ts';

/** What the server needs from the inspector. */
type Inspection = Pick<Inspector, 'views' | 'detail' | 'watch' | 'hasRoom'>;

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
export function createInspectorServer(inspection: Inspection): Server {
  return createBoundedServer(bounds, (request, response) => {
    answer(inspection, request, response).catch(() => response.destroy());
  });
}

async function answer(
  inspection: Inspection,
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
  if (path === '/events') {
    if (method === 'HEAD') send(response, 405, 'a stream needs GET');
    else if (!inspection.hasRoom) send(response, 503, 'too many viewers: close one of the pages');
    else {
      const asked = new URLSearchParams(query);
      const after = textOf(headers['last-event-id']) ?? asked.get('after') ?? undefined;
      inspection.watch(response, after, keyOf(asked.get('source')));
    }
    return;
  }
  const target = targetOf(path);
  if (target === undefined) {
    const file = await pageFile(path);
    if (file === undefined) send(response, 404, 'not found');
    else response.writeHead(200, file.headers).end(method === 'HEAD' ? undefined : file.body);
    return;
  }
  const data = target.key === undefined ? inspection.views() : inspection.detail(target.key);
  if (data === undefined) send(response, 404, 'no such Ingress, or it requests no certificate');
  else send(response, 200, JSON.stringify(data), 'application/json');
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
