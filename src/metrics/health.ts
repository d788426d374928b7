import type { RequestListener, Server, ServerResponse } from 'node:http';
import { second } from '../../machines/time/durations.ts';
import { createBoundedServer, type ServerBounds } from '../process/bounded-server.ts';
import type { MetricsEndpoint } from './endpoint.ts';

export interface Readiness {
  readonly ok: boolean;
  /** One line of text: what it waits for, or who leads. */
  readonly detail: string;
}

/** What `/readyz` waits for: without it, a host that is validated may be unknown, and who takes over would have to list it. */
export function readiness(standing: {
  /** The plural of what has not been listed yet. */
  readonly unread: string | undefined;
  /** Who leads, if this process does not; a clause. */
  readonly following: string | undefined;
}): Readiness {
  const { following, unread } = standing;
  if (unread !== undefined) return { ok: false, detail: `waiting for the ${unread} to be listed` };
  return {
    ok: true,
    detail: following === undefined ? 'ready' : `ready; it follows: ${following}`,
  };
}

export interface HealthOptions {
  /** Whether this replica can answer challenges. Must not depend on the current state of CA or API server. */
  readonly ready: () => Readiness;
  /** A line for each record that cannot be read or written, and for a watch that is interrupted: told, and no reason to send challenges elsewhere. */
  readonly troubles: () => readonly string[];
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

/** Serves `/healthz` (the event loop runs; `?verbose`: with what is amiss) and `/readyz`, on a port that nobody but the kubelet needs. */
export function createHealthServer(options: HealthOptions): Server {
  return createBoundedServer(bounds, listener(options));
}

/** Serves `/metrics`; and the probes, which the manifests of 1.0.0-alpha.1 send to this port. */
export function createMetricsServer(options: MetricsServerOptions): Server {
  return createBoundedServer(bounds, listener(options));
}

function listener({
  ready,
  troubles,
  metrics,
}: HealthOptions & Partial<MetricsServerOptions>): RequestListener {
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return say(response, 405, 'only GET and HEAD');
    }
    const [path, query] = (request.url ?? '').split('?');
    if (path === '/metrics' && metrics !== undefined) return void metrics.answer(response);
    if (path === '/healthz') {
      const verbose = new URLSearchParams(query).has('verbose');
      return say(response, 200, 'ok', verbose ? troubles() : []);
    }
    if (path !== '/readyz') return say(response, 404, 'not found');
    const { ok, detail } = ready();
    say(response, ok ? 200 : 503, detail, troubles());
  };
}

function say(
  response: ServerResponse,
  status: number,
  ...lines: readonly (string | readonly string[])[]
): void {
  response.writeHead(status, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
  response.end(
    lines
      .flat()
      .map((line) => `${line}\n`)
      .join(''),
  );
}
