import type { RequestListener, Server, ServerResponse } from 'node:http';
import { second } from '../../machines/time/durations.ts';
import { createBoundedServer, type ServerBounds } from '../process/bounded-server.ts';
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
  readonly ready: () => Readiness;
}

export interface MetricsServerOptions extends HealthOptions {
  readonly metrics: Pick<MetricsEndpoint, 'answer'>;
}

const bounds: ServerBounds = {
  connections: 100,
  headerBytes: 8 * 1024,
  requestTimeout: 5 * second,
  answerTimeout: 10 * second,
  keepAlive: 5 * second,
  requestsPerConnection: 1000,
};

/** Serves `/healthz` (the event loop runs) and `/readyz`, on a port that nobody but the kubelet needs. */
export function createHealthServer(options: HealthOptions): Server {
  return createBoundedServer(bounds, listener(options));
}

/** Serves `/metrics`; and the probes, which the manifests of 1.0.0-alpha.1 send to this port. */
export function createMetricsServer(options: MetricsServerOptions): Server {
  return createBoundedServer(bounds, listener(options));
}

function listener({ ready, metrics }: HealthOptions & Partial<MetricsServerOptions>): RequestListener {
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return say(response, 405, 'only GET and HEAD');
    }
    const [path] = (request.url ?? '').split('?');
    if (path === '/metrics' && metrics !== undefined) return void metrics.answer(response);
    if (path === '/healthz') return say(response, 200, 'ok');
    if (path !== '/readyz') return say(response, 404, 'not found');
    const { ok, detail } = ready();
    say(response, ok ? 200 : 503, detail);
  };
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
  response.end(`${text}\n`);
}
