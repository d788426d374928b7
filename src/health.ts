import { createServer, type Server } from 'node:http';

export interface Readiness {
  readonly ok: boolean;
  /** One line for a person: what it waits for, or that nothing is missing. */
  readonly detail: string;
}

export interface HealthOptions {
  /** Whether this replica can answer challenges. Must depend neither on the CA nor on the API server of this moment. */
  ready(): Readiness;
}

/** Serves `/healthz` (this process turns its event loop) and `/readyz` for the kubelet's probes. */
export function createHealthServer(options: HealthOptions): Server {
  const server = createServer({ maxHeaderSize: 8 * 1024 }, (request, response) => {
    const { status, text } = answerTo(request.url, options);
    response.writeHead(status, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
    response.end(`${text}\n`);
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 5000;
  server.maxConnections = 100;
  return server;
}

function answerTo(url: string | undefined, options: HealthOptions): { status: number; text: string } {
  const [path] = (url ?? '').split('?');
  if (path === '/healthz') return { status: 200, text: 'ok' };
  if (path !== '/readyz') return { status: 404, text: 'not found' };
  const { ok, detail } = options.ready();
  return { status: ok ? 200 : 503, text: detail };
}
