import { createServer, type Server } from 'node:http';
import type { IngressView } from '../../machines/ingress-view.ts';

export interface InspectorOptions {
  /** All Ingresses as they are now. */
  readonly views: () => readonly IngressView[];
}

/**
 * Serves `/ingresses`, the state of every Ingress actor as JSON; for 127.0.0.1 only. A request that names another host
 * is refused, so that no web page can read it by DNS rebinding.
 */
export function createInspectorServer({ views }: InspectorOptions): Server {
  const server = createServer({ maxHeaderSize: 8 * 1024 }, (request, response) => {
    const local = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(request.headers.host ?? '');
    const status = local ? (request.url === '/ingresses' ? 200 : 404) : 403;
    response.writeHead(status, {
      'content-type': status === 200 ? 'application/json' : 'text/plain',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(
      status === 200 ? JSON.stringify(views()) : `${status === 403 ? 'forbidden' : 'not found'}\n`,
    );
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 5000;
  server.maxConnections = 20;
  return server;
}
