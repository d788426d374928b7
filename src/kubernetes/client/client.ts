// The client of the API server: connection, typed errors, metrics of each request. Used by the watches, the records and the
// challenge Ingresses.

import { AsyncLocalStorage } from 'node:async_hooks';
import {
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  createConfiguration,
  type KubeConfig,
  NetworkingV1Api,
  type RequestContext,
  ResponseContext,
  ServerConfiguration,
  wrapHttpLibrary,
} from '@kubernetes/client-node';
import type { Dispatcher } from 'undici';
import { second } from '../../../machines/time/durations.ts';
import { type Headers, plainHeaders } from '../../process/headers.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { retry } from '../../time/retry.ts';
import { readAll, type StreamBody } from './api-answer.ts';
import { ApiConnection } from './api-connection.ts';
import { errorFromAnswer, errorFromTransport, KubernetesError, transportCode } from './kubernetes-error.ts';
import { type ApiRequestReport, type Exchange, reporting } from './request-report.ts';

export interface StreamOptions {
  readonly signal: AbortSignal;
  /** Idle time limit of the body, in milliseconds. */
  readonly bodyTimeout: number;
  /** Accept header; default `application/json`. */
  readonly accept?: string;
}

/** Client of the API server with one identity. Throws only KubernetesError, or the reason of an aborted signal. */
export interface KubernetesClient {
  readonly core: CoreV1Api;
  readonly networking: NetworkingV1Api;
  readonly coordination: CoordinationV1Api;
  readonly custom: CustomObjectsApi;
  /**
   * Aborts the requests of `work` with `signal`: `client.call(signal, ({ core }) => core.readNamespacedSecret(…))`.
   * Without it only the time limit ends a request.
   */
  call<T>(signal: AbortSignal, work: (client: KubernetesClient) => Promise<T>): Promise<T>;
  /** A GET with a streamed body, for lists and watches. Status 400 and above is thrown. */
  stream(
    path: string,
    query: URLSearchParams,
    options: StreamOptions,
  ): Promise<{ statusCode: number; headers: Headers; body: StreamBody }>;
  /**
   * Merges the body into an object of any kind (JSON merge patch, RFC 7386).
   *
   * @param path of the object
   * @param fieldManager who is said to own the fields
   * @param dryRun only tests whether it would be admitted
   */
  mergePatch(
    path: string,
    body: object,
    fieldManager: string,
    signal: AbortSignal,
    dryRun?: boolean,
  ): Promise<void>;
  /**
   * Deletes exactly this version of an object of any kind; what belongs to it is deleted in the background.
   *
   * @param dryRun only tests whether it would be admitted
   */
  remove(
    path: string,
    version: { readonly uid: string; readonly resourceVersion: string },
    signal: AbortSignal,
    dryRun?: boolean,
  ): Promise<void>;
  close(): Promise<void>;
}

export interface KubernetesClientOptions {
  /** Connections for calls; watches have their own. Default 8. */
  readonly connections?: number;
  /** Time limit in milliseconds for the answer to begin, and for each pause within it, without the wait for a connection. Default 15,000. */
  readonly requestTimeout?: number;
  readonly userAgent?: string;
  readonly clock?: Clock;
  readonly onRequest?: (report: ApiRequestReport) => void;
  /** Whether requests that change something may be sent now, asked when each is sent; they may if not given. */
  readonly mayWrite?: () => boolean;
}

/** Maximum of tries of a call that the API server answers with 429 and Retry-After. */
const mostTries = 4;
/** A longer Retry-After is left to the caller. */
const longestRetryAfter = 10 * second;
const longestAnswer = 32 * 1024 * 1024;
const longestErrorAnswer = 64 * 1024;
/** Bytes of white space before an object. */
const longestSpace = 64;

/**
 * A client with pooled connections and a time limit on every request. Only here a 429 with a Retry-After of at most ten
 * seconds is retried, up to four tries in all; a GET whose kept-alive connection turns out closed is repeated once.
 */
export function createKubernetesClient(
  kubeConfig: KubeConfig,
  options: KubernetesClientOptions = {},
): KubernetesClient {
  const clock = options.clock ?? systemClock;
  const { connections = 8, mayWrite = () => true } = options;
  const connection = new ApiConnection(kubeConfig, clock, connections, mayWrite);
  return new PooledClient(
    connection,
    clock,
    options.requestTimeout ?? 15 * second,
    options.userAgent ?? 'kube-lego',
    reporting(options.onRequest),
  );
}

interface Call {
  readonly method: Dispatcher.HttpMethod;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
}

class PooledClient implements KubernetesClient {
  readonly core: CoreV1Api;
  readonly networking: NetworkingV1Api;
  readonly coordination: CoordinationV1Api;
  readonly custom: CustomObjectsApi;
  readonly #connection: ApiConnection;
  readonly #clock: Clock;
  readonly #requestTimeout: number;
  readonly #userAgent: string;
  readonly #request: Exchange;
  /** Passes the signal to the request, because client-node ignores one among its options. */
  readonly #signals = new AsyncLocalStorage<AbortSignal>();

  constructor(
    connection: ApiConnection,
    clock: Clock,
    requestTimeout: number,
    userAgent: string,
    request: Exchange,
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#requestTimeout = requestTimeout;
    this.#userAgent = userAgent;
    this.#request = request;
    const configuration = createConfiguration({
      baseServer: new ServerConfiguration('http://api-server', {}),
      httpApi: wrapHttpLibrary({ send: (request) => this.#send(request) }),
    });
    this.core = new CoreV1Api(configuration);
    this.networking = new NetworkingV1Api(configuration);
    this.coordination = new CoordinationV1Api(configuration);
    this.custom = new CustomObjectsApi(configuration);
  }

  async call<T>(signal: AbortSignal, work: (client: KubernetesClient) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await this.#signals.run(signal, () => work(this));
    } catch (error) {
      if (signal.aborted || error instanceof KubernetesError) throw error;
      throw unreadable();
    }
  }

  async stream(
    path: string,
    query: URLSearchParams,
    options: StreamOptions,
  ): Promise<{ statusCode: number; headers: Headers; body: StreamBody }> {
    const subject = `GET ${path}`;
    try {
      const route = await this.#connection.route();
      const { statusCode, headers, body } = await this.#request(
        `${route.server}${path}?${query.toString()}`,
        {
          method: 'GET',
          headers: {
            ...route.headers,
            accept: options.accept ?? 'application/json',
            'user-agent': this.#userAgent,
          },
          dispatcher: route.streams,
          headersTimeout: this.#requestTimeout,
          bodyTimeout: options.bodyTimeout,
          signal: options.signal,
        },
      );
      if (statusCode >= 400) throw await this.#refusal(subject, statusCode, headers, body);
      return { statusCode, headers, body };
    } catch (error) {
      options.signal.throwIfAborted();
      throw errorFromTransport(subject, error);
    }
  }

  async mergePatch(
    path: string,
    body: object,
    fieldManager: string,
    signal: AbortSignal,
    dryRun = false,
  ): Promise<void> {
    signal.throwIfAborted();
    await this.#tried({
      method: 'PATCH',
      url: `${path}?fieldManager=${encodeURIComponent(fieldManager)}${dryRun ? '&dryRun=All' : ''}`,
      headers: { accept: 'application/json', 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify(body),
      signal,
    });
  }

  async remove(
    path: string,
    { uid, resourceVersion }: { readonly uid: string; readonly resourceVersion: string },
    signal: AbortSignal,
    dryRun = false,
  ): Promise<void> {
    signal.throwIfAborted();
    // In the query the API server overlooks a dry run where there is a body.
    const options = {
      preconditions: { uid, resourceVersion },
      propagationPolicy: 'Background',
      ...(dryRun ? { dryRun: ['All'] } : {}),
    };
    await this.#tried({
      method: 'DELETE',
      url: path,
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify(options),
      signal,
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #send(context: RequestContext): Promise<ResponseContext> {
    const url = new URL(context.getUrl());
    const body = context.getBody();
    return this.#tried({
      // The generated code uses only GET, POST, PUT, PATCH and DELETE, which are in undici's type.
      method: context.getHttpMethod(),
      url: url.pathname + url.search,
      headers: context.getHeaders(),
      body: typeof body === 'string' ? body : undefined,
      signal: this.#signals.getStore(),
    });
  }

  async #tried(sent: Call): Promise<ResponseContext> {
    const { signal } = sent;
    const subject = `${sent.method} ${sent.url.split('?')[0]}`;
    let reconnects = sent.method === 'GET' ? 1 : 0;
    const exchange = async (): Promise<ResponseContext> => {
      try {
        return await this.#exchange(subject, sent);
      } catch (error) {
        throw errorFromTransport(subject, error);
      }
    };
    return retry(exchange, {
      clock: this.#clock,
      signal,
      shortestPause: 0,
      longestPause: longestRetryAfter,
      mostTries,
      pauseAfter: (error) => {
        if (!(error instanceof KubernetesError)) throw error;
        if (wasClosedBeforehand(error) && reconnects > 0) {
          reconnects -= 1;
          return 0;
        }
        const { code, retryAfter } = error;
        if (code === 'TooManyRequests' && retryAfter !== undefined && retryAfter <= longestRetryAfter)
          return retryAfter;
        throw error;
      },
    });
  }

  async #exchange(subject: string, { method, url, headers, body, signal }: Call): Promise<ResponseContext> {
    const route = await this.#connection.route();
    const answer = await this.#request(route.server + url, {
      method,
      headers: { ...headers, ...route.headers, 'user-agent': this.#userAgent },
      body: body ?? null,
      dispatcher: route.calls,
      headersTimeout: this.#requestTimeout,
      bodyTimeout: this.#requestTimeout,
      signal: signal ?? null,
    });
    if (answer.statusCode >= 300)
      throw await this.#refusal(subject, answer.statusCode, answer.headers, answer.body);
    const content = await readAll(answer.body, longestAnswer);
    if (!/^\s*\{/.test(content.toString('latin1', 0, longestSpace))) throw unreadable();
    return new ResponseContext(answer.statusCode, plainHeaders(answer.headers), {
      text: () => Promise.resolve(content.toString('utf8')),
      binary: () => Promise.resolve(content),
      stream: () => null,
    });
  }

  async #refusal(
    subject: string,
    status: number,
    headers: Headers,
    body: StreamBody,
  ): Promise<KubernetesError> {
    if (status === 401) this.#connection.distrust();
    const content = await readAll(body, longestErrorAnswer).catch(() => Buffer.alloc(0));
    return errorFromAnswer(subject, status, content.toString('utf8'), plainHeaders(headers)['retry-after']);
  }
}

/** Without the cause: an error of the JSON parser repeats what it has met, which may be part of a key. */
function unreadable(): KubernetesError {
  return new KubernetesError('InvalidResponse', 'The API server sent an answer that cannot be read');
}

/** The kept-alive connection turned out closed. */
function wasClosedBeforehand({ code, cause }: KubernetesError): boolean {
  return (
    code === 'Unreachable' && ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(transportCode(cause) ?? '')
  );
}
