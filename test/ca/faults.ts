import type { CaAnswer, CaEndpoint, CaRequest } from './exchange.ts';

/**
 * A fault of a request. An answer replaces the CA's own, and the request has no effect, as with `reset` and `silence`. `half`,
 * `lost`: it has its effect, but half of the answer, or nothing, is returned. `bad-nonce`: refused for its nonce.
 */
export type Fault = CaAnswer | 'reset' | 'silence' | 'half' | 'lost' | 'bad-nonce';

/** The fault of a request; undefined for none. */
export type FaultScript = (request: CaRequest, times: number) => Fault | undefined;

/** Scripted faults by endpoint. */
export class Faults {
  /** Share of the signed requests whose valid nonce is refused. */
  badNonceRate = 0;
  readonly #random: () => number;
  readonly #scripts = new Map<CaEndpoint | 'all', FaultScript>();
  readonly #next = new Map<CaEndpoint, Fault[]>();
  readonly #times = new Map<CaEndpoint, number>();

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Queues faults for the next requests to this endpoint, one each. */
  next(endpoint: CaEndpoint, ...faults: readonly Fault[]): void {
    this.#next.set(endpoint, [...(this.#next.get(endpoint) ?? []), ...faults]);
  }

  /** Called for each request to this endpoint, or to any, until it is reset with undefined. */
  script(endpoint: CaEndpoint | 'all', script: FaultScript | undefined): void {
    if (script === undefined) this.#scripts.delete(endpoint);
    else this.#scripts.set(endpoint, script);
  }

  clear(): void {
    this.#scripts.clear();
    this.#next.clear();
    this.badNonceRate = 0;
  }

  /** Number of requests to this endpoint. */
  times(endpoint: CaEndpoint): number {
    return this.#times.get(endpoint) ?? 0;
  }

  take(endpoint: CaEndpoint, request: CaRequest): Fault | undefined {
    const times = this.times(endpoint) + 1;
    this.#times.set(endpoint, times);
    const waiting = this.#next.get(endpoint)?.shift();
    if (waiting !== undefined) return waiting;
    return this.#scripts.get(endpoint)?.(request, times) ?? this.#scripts.get('all')?.(request, times);
  }

  refusesNonce(): boolean {
    return this.badNonceRate > 0 && this.#random() < this.badNonceRate;
  }
}

/** As Boulder's: each comes with a Retry-After. */
export function internalError(): CaAnswer {
  return problemAnswer(500, 'serverInternal', 'Error creating new order', { 'retry-after': '60' });
}

/** Of a proxy in front of the CA. */
export function badGateway(): CaAnswer {
  const body =
    '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>';
  return { status: 502, headers: { 'content-type': 'text/html' }, body };
}

/** Of Let's Encrypt's load balancer: no nonce, no problem document. */
export function unavailable(retryAfter: number): CaAnswer {
  const headers = { 'content-type': 'text/html', 'retry-after': String(retryAfter) };
  return { status: 503, headers, body: '<html><body>503 Service Unavailable</body></html>' };
}

/** Load shedding, which is no rate limit. */
export function busy(retryAfter: number | undefined): CaAnswer {
  const wait = retryAfter === undefined ? undefined : { 'retry-after': String(retryAfter) };
  return problemAnswer(503, 'rateLimited', 'Service busy; retry later.', wait);
}

export function problemAnswer(
  status: number,
  type: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): CaAnswer {
  const body = JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail, status });
  return { status, headers: { 'content-type': 'application/problem+json', ...headers }, body };
}
