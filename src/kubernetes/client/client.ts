// The client of the API server: connection, typed errors, metrics of each request. Used by the watches, the records and the
// challenge Ingresses.

import { request } from 'undici';
import { second } from '../../../machines/time/durations.ts';
import { exchange } from '../../process/exchange.ts';
import { type Headers, plainHeaders } from '../../process/headers.ts';
import { isRecord } from '../../process/json.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { retry } from '../../time/retry.ts';
import { readAll, type StreamBody } from './api-answer.ts';
import { ApiCalls, type ApiRequest, patchTypes, writeQuery } from './api-calls.ts';
import { type ApiAccess, ApiConnection } from './api-connection.ts';
import { metadataForms } from './collections.ts';
import { errorFromAnswer, errorFromTransport, KubernetesError, transportCode } from './kubernetes-error.ts';
import { type ApiRequestReport, type Reporting, reporting } from './request-report.ts';

export interface StreamOptions {
  readonly signal: AbortSignal;
  /** Idle time limit of the body, in milliseconds. */
  readonly bodyTimeout: number;
  /** Accept header; default `application/json`. */
  readonly accept?: string;
}

/** Client of the API server with one identity. Throws only KubernetesError, or the reason of an aborted signal. */
export interface KubernetesClient {
  /** Aborts the requests of `work` with `signal`: `client.call(signal, (api) => api.read(secrets, { namespace, name }))`. */
  call<T>(signal: AbortSignal, work: (api: ApiCalls) => Promise<T>): Promise<T>;
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
   * @param fieldManager recorded as the owner of the fields
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

/**
 * A client with pooled connections and a time limit on every request. Only here a 429 with a Retry-After of at most ten
 * seconds is retried, up to four tries in all; a GET whose kept-alive connection turns out closed is repeated once.
 */
export function createKubernetesClient(
  access: ApiAccess,
  options: KubernetesClientOptions = {},
): KubernetesClient {
  const clock = options.clock ?? systemClock;
  const { connections = 8, mayWrite = () => true } = options;
  const connection = new ApiConnection(access, clock, connections, mayWrite);
  return new PooledClient(
    connection,
    clock,
    options.requestTimeout ?? 15 * second,
    options.userAgent ?? 'kube-lego',
    reporting(options.onRequest),
  );
}

class PooledClient implements KubernetesClient {
  readonly #connection: ApiConnection;
  readonly #clock: Clock;
  readonly #requestTimeout: number;
  readonly #userAgent: string;
  readonly #reporting: Reporting;

  constructor(
    connection: ApiConnection,
    clock: Clock,
    requestTimeout: number,
    userAgent: string,
    reporting: Reporting,
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#requestTimeout = requestTimeout;
    this.#userAgent = userAgent;
    this.#reporting = reporting;
  }

  async call<T>(signal: AbortSignal, work: (api: ApiCalls) => Promise<T>): Promise<T> {
    return work(new ApiCalls((request) => this.#tried(request, signal)));
  }

  async stream(
    path: string,
    query: URLSearchParams,
    options: StreamOptions,
  ): Promise<{ statusCode: number; headers: Headers; body: StreamBody }> {
    const subject = `GET ${path}`;
    try {
      const route = await this.#connection.route();
      const asked = `${path}?${query.toString()}`;
      const { statusCode, headers, body } = await this.#reporting('GET', asked, () =>
        request(route.server + asked, {
          headers: {
            ...route.headers,
            accept: options.accept ?? 'application/json',
            'user-agent': this.#userAgent,
          },
          dispatcher: route.streams,
          headersTimeout: this.#requestTimeout,
          bodyTimeout: options.bodyTimeout,
          signal: options.signal,
        }),
      );
      if (statusCode >= 400) {
        const content = await readAll(body, longestErrorAnswer).catch(() => Buffer.alloc(0));
        throw this.#refusal(subject, statusCode, headers, content);
      }
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
    await this.#tried(
      {
        method: 'PATCH',
        path: `${path}?${writeQuery({ fieldManager, dryRun })}`,
        contentType: patchTypes.merge,
        accept: metadataForms.written,
        body,
      },
      signal,
    );
  }

  async remove(
    path: string,
    { uid, resourceVersion }: { readonly uid: string; readonly resourceVersion: string },
    signal: AbortSignal,
    dryRun = false,
  ): Promise<void> {
    // In the query the API server overlooks a dry run where there is a body.
    const body = {
      preconditions: { uid, resourceVersion },
      propagationPolicy: 'Background',
      ...(dryRun ? { dryRun: ['All'] } : {}),
    };
    await this.#tried({ method: 'DELETE', path, body }, signal);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #tried<T>(sent: ApiRequest, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const subject = `${sent.method} ${sent.path.split('?')[0]}`;
    let reconnects = sent.method === 'GET' ? 1 : 0;
    const exchange = async (): Promise<T> => {
      try {
        return await this.#exchange(subject, sent, signal);
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

  async #exchange<T>(
    subject: string,
    { method, path, contentType = 'application/json', accept = 'application/json', body: sent }: ApiRequest,
    signal: AbortSignal,
  ): Promise<T> {
    const route = await this.#connection.route();
    const url = new URL(route.server + path);
    const { statusCode, headers, body, failure } = await this.#reporting(method, path, () =>
      exchange(route.calls, url, {
        method,
        headers: {
          accept,
          ...(sent === undefined ? {} : { 'content-type': contentType }),
          ...route.headers,
          'user-agent': this.#userAgent,
        },
        body: sent === undefined ? null : JSON.stringify(sent),
        timeout: this.#requestTimeout,
        signal,
        mostBytes: (status) => (status >= 300 ? longestErrorAnswer : longestAnswer),
        tooLong: () => new KubernetesError('InvalidResponse', 'The answer of the API server is too long'),
      }),
    );
    if (statusCode >= 300) {
      throw this.#refusal(subject, statusCode, headers, failure === undefined ? body : Buffer.alloc(0));
    }
    if (failure !== undefined) throw failure;
    try {
      // That it is of the kind that was asked for is taken on the API server's word.
      const object: T = JSON.parse(body.toString('utf8'));
      if (isRecord(object) && ['object', 'undefined'].includes(typeof object['metadata'])) return object;
    } catch {
      // Told below, without the text, which may be part of a key.
    }
    throw new KubernetesError('InvalidResponse', 'The API server sent an answer that cannot be read');
  }

  #refusal(subject: string, status: number, headers: Headers, content: Buffer): KubernetesError {
    if (status === 401) this.#connection.distrust();
    return errorFromAnswer(subject, status, content.toString('utf8'), plainHeaders(headers)['retry-after']);
  }
}

/** The kept-alive connection turned out closed. */
function wasClosedBeforehand({ code, cause }: KubernetesError): boolean {
  return (
    code === 'Unreachable' && ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(transportCode(cause) ?? '')
  );
}
