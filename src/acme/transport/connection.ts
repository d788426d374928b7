import type { LookupFunction } from 'node:net';
import { type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { oneLine } from '../../../machines/reasons/foreign-text.ts';
import { second } from '../../../machines/time/durations.ts';
import { exchange } from '../../process/exchange.ts';
import { plainHeaders } from '../../process/headers.ts';
import { trustContext } from '../../process/trusted-roots.ts';
import { fenced } from '../../process/write-fence.ts';
import { AcmeProblem, type Endpoint } from './problem.ts';

/** One request to the CA. */
export interface CaRequest {
  readonly endpoint: Endpoint;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: string;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Called right before it is sent, after any wait for a connection; throws if it may not be sent. */
  readonly gate?: (() => void) | undefined;
}

/** The answer, with any status: header names in lower case, repeated headers joined by commas. */
export interface CaAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface ConnectionOptions {
  readonly userAgent: string;
  /** PEM of additional trusted roots (`LEGO_CA_BUNDLE`). */
  readonly caBundle?: string | undefined;
  /** Milliseconds from the start of a request to the last byte of the answer. */
  readonly requestTimeout?: number | undefined;
  readonly maxBodyBytes?: number | undefined;
  /** Concurrent connections to one CA; further requests are queued. */
  readonly connections?: number | undefined;
  /** URL of a proxy, empty for none, and the hosts that are reached without it, as in NO_PROXY. */
  readonly proxy?: { readonly httpsProxy: string; readonly noProxy: string } | undefined;
  /** Whether signed requests may be sent now, asked when each is sent; they may if not given. */
  readonly mayWrite?: (() => boolean) | undefined;
  /** Resolves host names, in tests. */
  readonly lookup?: LookupFunction | undefined;
}

/** Sends requests to a CA. */
export type Connection = Pick<CaConnection, 'send' | 'close'>;

/** Milliseconds for one address, then the next one of the other family is tried as well (RFC 8305). */
const attemptTimeout = 250;
const timedOut = Symbol('timed out');
/** Bytes: four times an order or a problem about a hundred names of the greatest length. */
const longestBody = 256 * 1024;
const longestAddress = 200;
/** Each costs as much as an answer, and there may be any number. */
const mostInterim = 10;
/** Bytes of all headers of an answer. */
const longestHeaders = 16 * 1024;

/** HTTPS to CAs: connection pool, request timeout, bounded body size, proxies, additional roots. */
export class CaConnection {
  readonly #dispatcher: Dispatcher;
  readonly #userAgent: string;
  readonly #requestTimeout: number;
  readonly #maxBodyBytes: number;

  /** @throws Error if the CA bundle has no certificate or an unreadable one */
  constructor(options: ConnectionOptions) {
    this.#userAgent = options.userAgent;
    this.#requestTimeout = options.requestTimeout ?? 30 * second;
    this.#maxBodyBytes = options.maxBodyBytes ?? longestBody;
    const trust = options.caBundle === undefined ? {} : { secureContext: trustContext(options.caBundle) };
    const reach = {
      timeout: 10 * second,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: attemptTimeout,
      ...(options.lookup && { lookup: options.lookup }),
    };
    const { httpsProxy, noProxy } = options.proxy ?? { httpsProxy: '', noProxy: '' };
    const pool = new EnvHttpProxyAgent({
      connections: options.connections ?? 32,
      allowH2: false,
      maxHeaderSize: longestHeaders,
      connect: { ...reach, ...trust },
      requestTls: { ...trust },
      proxyTls: { ...reach, ...trust },
      // Always given: undici reads the environment otherwise.
      httpProxy: httpsProxy,
      httpsProxy,
      noProxy,
    });
    this.#dispatcher = fenced(pool, options.mayWrite ?? (() => true), (message) => new Error(message));
  }

  /**
   * Sends a request once, without retries: a signed body must not be sent twice (RFC 8555 section 6.5).
   * @throws AcmeProblem of type `unreachable`, `timeout` or `invalidResponse`, that of the gate, or the signal's reason
   */
  async send(asked: CaRequest): Promise<CaAnswer> {
    asked.signal.throwIfAborted();
    const limit = new AbortController();
    const abort = (): void => limit.abort(asked.signal.reason);
    const timer = setTimeout(() => limit.abort(timedOut), this.#requestTimeout);
    asked.signal.addEventListener('abort', abort, { once: true });
    let interim = 0;
    const countInterim = (): void => {
      interim += 1;
      if (interim <= mostInterim) return;
      limit.abort(
        problem(asked, 'invalidResponse', `more than ${mostInterim} interim answers (1xx) came first`),
      );
    };
    try {
      const { statusCode, headers, body, failure } = await exchange(this.#dispatcher, checkedUrl(asked), {
        method: asked.method,
        headers: requestHeaders(asked, this.#userAgent),
        body: asked.body ?? null,
        signal: limit.signal,
        timeout: 0,
        mostBytes: () => this.#maxBodyBytes,
        tooLong: () =>
          problem(asked, 'invalidResponse', `the answer is longer than ${this.#maxBodyBytes} bytes`),
        onInterim: countInterim,
        ...(asked.gate && { onStart: asked.gate }),
      });
      if (failure !== undefined) throw failure;
      return { status: statusCode, headers: plainHeaders(headers), text: body.toString('utf8') };
    } catch (error) {
      if (error instanceof AcmeProblem) throw error;
      if (asked.signal.aborted) throw asked.signal.reason;
      throw this.#failure(asked, limit.signal.reason === timedOut ? timedOut : error);
    } finally {
      clearTimeout(timer);
      asked.signal.removeEventListener('abort', abort);
    }
  }

  /** Aborts all requests and closes the connections. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  #failure(asked: CaRequest, error: unknown): AcmeProblem {
    if (error === timedOut) {
      return problem(asked, 'timeout', `no complete answer within ${this.#requestTimeout / 1000} s`);
    }
    const code = errorCode(error);
    return problem(
      asked,
      'unreachable',
      explanations[code] ?? (error instanceof Error ? error.message : String(error)),
      error,
    );
  }
}

/** The ACME headers of a request (RFC 8555 sections 6.1 and 6.2), in lower case. */
export function requestHeaders(asked: CaRequest, userAgent: string): Record<string, string> {
  return {
    'user-agent': userAgent,
    'accept-language': 'en',
    accept:
      asked.endpoint === 'certificate'
        ? 'application/pem-certificate-chain'
        : 'application/json, application/problem+json',
    ...(asked.method === 'POST' && { 'content-type': 'application/jose+json' }),
  };
}

const untrusted =
  'its certificate is not signed by a trusted root; set LEGO_CA_BUNDLE to the root of a private CA';

const explanations: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired, or this machine's clock is wrong",
  CERT_NOT_YET_VALID: "its certificate is not valid yet, or this machine's clock is wrong",
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  EAI_AGAIN: 'its name could not be resolved: the DNS server did not answer',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection broke off before the answer was complete',
  ENOTFOUND: 'its name has no DNS record',
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UND_ERR_CONNECT_TIMEOUT: 'no connection within 10 s',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the connection broke off before the answer was complete',
  UND_ERR_SOCKET: 'the connection broke off before the answer was complete',
};

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function problem(asked: CaRequest, type: string, detail: string, cause?: unknown): AcmeProblem {
  return new AcmeProblem({ type, detail, endpoint: asked.endpoint, ca: caName(asked.url), cause });
}

/** The CA's host name (and port, if not 443), for messages. */
export function caName(url: string): string {
  return URL.parse(url)?.host ?? 'the CA';
}

function checkedUrl(asked: CaRequest): URL {
  const url = URL.parse(asked.url);
  if (url?.protocol === 'https:') return url;
  const address = oneLine(asked.url, longestAddress);
  throw problem(
    asked,
    'invalidResponse',
    `its address ${address} is not an https URL, and ACME requires HTTPS`,
  );
}
