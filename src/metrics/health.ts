import { createServer, type Server, type ServerResponse } from 'node:http';
import { second } from '../../machines/time/durations.ts';
import type { MetricsEndpoint } from './endpoint.ts';

export interface Readiness {
  readonly ok: boolean;
  /** One line of text: what it waits for, if anything. */
  readonly detail: string;
}

/** What `/readyz` waits for: without both, no challenge can be answered. */
export function readiness(done: {
  readonly accountRead: boolean;
  readonly challengesListed: boolean;
}): Readiness {
  if (!done.accountRead) return { ok: false, detail: 'waiting for the account Secret to be read' };
  if (!done.challengesListed) {
    return { ok: false, detail: 'waiting for the challenge Ingresses to be listed' };
  }
  return { ok: true, detail: 'ready' };
}

export interface HealthOptions {
  /** Whether this replica can answer challenges. Must not depend on the current state of CA or API server. */
  ready(): Readiness;
  readonly metrics: Pick<MetricsEndpoint, 'answer'>;
}

/** Serves `/healthz` (the event loop runs) and `/readyz` for the kubelet's probes, and `/metrics`. */
export function createHealthServer(options: HealthOptions): Server {
  const server = createServer({ maxHeaderSize: 8 * 1024 }, (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return say(response, 405, 'only GET and HEAD');
    }
    const [path] = (request.url ?? '').split('?');
    if (path === '/metrics') return void options.metrics.answer(response);
    if (path === '/healthz') return say(response, 200, 'ok');
    if (path !== '/readyz') return say(response, 404, 'not found');
    const { ok, detail } = options.ready();
    say(response, ok ? 200 : 503, detail);
  });
  server.headersTimeout = 5 * second;
  server.requestTimeout = 5 * second;
  server.maxConnections = 100;
  return server;
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
  response.end(`${text}\n`);
}
