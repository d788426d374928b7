// The transport to the CA: HTTPS, nonces, directory, Retry-After, problem documents. Used by the signed requests
// (src/acme/protocol), ARI and the CA object (src/authority).

import { day, second } from '../../../machines/time/durations.ts';
import { doubledPause } from '../../../machines/time/ladder.ts';
import { sleep } from '../../time/clock.ts';
import {
  type Answered,
  answerDate,
  answered,
  contentOf,
  invalid,
  locationOf,
  redirectOf,
  refusal,
  rejectsNonce,
  retryAfterOf,
} from './answer.ts';
import { AskedWaits } from './asked-waits.ts';
import type { CaClock } from './ca-clock.ts';
import {
  CaConnection,
  type CaRequest,
  type Connection,
  type ConnectionOptions,
  caName,
} from './connection.ts';
import { type AcmeDirectory, readDirectory } from './directory.ts';
import { NonceSource } from './nonce-source.ts';
import { AcmeProblem, type Endpoint } from './problem.ts';
import { readProblem } from './problem-document.ts';
import { SharedRun } from './shared-run.ts';

/** One completed request to the CA, for metrics and debug logs. */
export interface RequestReport {
  readonly endpoint: Endpoint;
  readonly ca: string;
  /** Undefined if there was no answer. */
  readonly status: number | undefined;
  /** Type of the error; `aborted` if the caller aborted. */
  readonly problemType: string | undefined;
  /** Milliseconds. */
  readonly duration: number;
}

export interface TransportOptions extends ConnectionOptions {
  /** Set from the `Date` of each answer. */
  readonly clock: CaClock;
  /** Replaces HTTPS, in tests. */
  readonly connection?: Connection | undefined;
  readonly onRequest?: ((report: RequestReport) => void) | undefined;
}

/** The result of a request, and its Retry-After in milliseconds. */
export interface CallResult<T> {
  readonly value: T;
  readonly retryAfter: number | undefined;
}

/** A request signed by the account's key (RFC 8555 section 6.2). */
export type SignedRequest = Required<Omit<CaRequest, 'method' | 'gate'>>;

/** The answer to a signed request: successful, or badNonce. */
export interface SignedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** PEM for a certificate, else an object. */
  readonly data: unknown;
  /** Absolute URL of the `Location` header. */
  readonly location?: string | undefined;
  readonly rejectsNonce: boolean;
  readonly retryAfter: number | undefined;
}

interface CachedDirectory {
  readonly run: SharedRun<AcmeDirectory>;
  /** `at` in monotonic milliseconds. */
  current: { readonly directory: AcmeDirectory; readonly at: number } | undefined;
}

/** badNonce retries of one request: at 50 % rejection one request in a million fails. */
export const maxBadNonces = 20;
const directoryMaxAge = day;

/** HTTP to the CA: typed problems, nonces, time limits, abort, Retry-After. */
export class AcmeTransport {
  readonly #clock: CaClock;
  readonly #connection: Connection;
  readonly #onRequest: ((report: RequestReport) => void) | undefined;
  readonly #nonces: NonceSource;
  readonly #directories = new Map<string, CachedDirectory>();
  readonly #askedWaits: AskedWaits;

  /** @throws Error if the CA bundle cannot be used */
  constructor(options: TransportOptions) {
    this.#clock = options.clock;
    this.#onRequest = options.onRequest;
    this.#askedWaits = new AskedWaits(options.clock);
    this.#connection = options.connection ?? new CaConnection(options);
    this.#nonces = new NonceSource({
      send: (asked) => this.#send(asked),
      monotonic: () => this.#clock.monotonic(),
    });
  }

  /**
   * The CA's directory, cached for a day, or until one of its resources is missing.
   * @throws AcmeProblem, or the signal's reason
   */
  async directory(url: string, signal: AbortSignal): Promise<AcmeDirectory> {
    const known = this.#directories.get(url) ?? this.#newDirectory(url);
    const { current } = known;
    if (current !== undefined && this.#clock.monotonic() - current.at < directoryMaxAge)
      return current.directory;
    return known.run.join(signal);
  }

  /**
   * Gets a public resource, a JSON object; no request of this endpoint during the CA's Retry-After.
   * @throws AcmeProblem, or the signal's reason
   */
  async get(signal: AbortSignal, endpoint: Endpoint, url: string): Promise<CallResult<unknown>> {
    return this.#askedWaits.heed(
      endpoint,
      signal,
      async (sending) => {
        const from = await this.#get({ ...sending, endpoint, url });
        return { value: contentOf(from), retryAfter: retryAfterOf(from) };
      },
      // A busy CA is busy for all; another problem is that of this resource.
      ({ status }) => status === 429 || status === 503,
    );
  }

  /**
   * A nonce of an earlier answer, else a new one.
   * @param url of the CA's resource for new nonces
   * @throws AcmeProblem, or the signal's reason
   */
  async nonce(signal: AbortSignal, url: string): Promise<string> {
    const pooled = this.#nonces.take(url);
    if (pooled !== undefined) return pooled;
    return this.#askedWaits.heed(url, signal, (sending) =>
      this.#nonces.ask(sending, url, (from) => this.#forgetMovedResource(from)),
    );
  }

  /**
   * Sends a signed request once.
   * @param badNonces consecutive badNonce answers to it: from the sixth on it waits, after the last one it is an AcmeProblem
   * @throws AcmeProblem, or the signal's reason
   */
  async post(request: SignedRequest, badNonces: number): Promise<SignedAnswer> {
    const { endpoint, signal, url } = request;
    if (badNonces > 5) await sleep(this.#clock, doubledPause(100, 2 * second, badNonces - 5), signal);
    switch (endpoint) {
      case 'new-order':
        return this.#askedWaits.heed(
          url,
          signal,
          (sending) => this.#post({ ...request, ...sending }, badNonces),
          // A rate limit is not for all.
          ({ transient }) => transient,
        );
      default:
        return this.#post(request, badNonces);
    }
  }

  /** Aborts all requests and closes the connections. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #post(request: Omit<CaRequest, 'method'>, badNonces: number): Promise<SignedAnswer> {
    const { url } = request;
    const from = await this.#send({ ...request, method: 'POST' });
    const { status, headers } = from.answer;
    // acme-client uses its nonce for the retry, so it must not go to the pool.
    if (rejectsNonce(from) && badNonces < maxBadNonces) {
      return { status, headers, data: from.json, rejectsNonce: true, retryAfter: undefined };
    }
    this.#nonces.put(url, headers['replay-nonce']);
    if (status >= 300) this.#forgetMovedResource(from);
    return {
      status,
      headers,
      data: contentOf(from),
      location: locationOf(from),
      rejectsNonce: false,
      retryAfter: retryAfterOf(from),
    };
  }

  #newDirectory(url: string): CachedDirectory {
    const cached: CachedDirectory = {
      current: undefined,
      run: new SharedRun((signal) =>
        this.#askedWaits.heed(url, signal, async (sending) => {
          const from = await this.#get({ ...sending, endpoint: 'directory', url });
          if (from.answer.status >= 300) throw refusal(from);
          const directory = readDirectory(from.json, from.url);
          if (directory === undefined) throw invalid(from, 'is no ACME directory');
          cached.current = { directory, at: this.#clock.monotonic() };
          return directory;
        }),
      ),
    };
    this.#directories.set(url, cached);
    return cached;
  }

  /** Follows one redirect. A good answer that cannot be read was cut, and is asked for once more. */
  async #get(asked: Omit<CaRequest, 'method' | 'body'>): Promise<Answered> {
    let from = await this.#send({ ...asked, method: 'GET' });
    const target = redirectOf(from);
    if (target !== undefined) from = await this.#send({ ...asked, url: target, method: 'GET' });
    const { answer, json, url } = from;
    return answer.status < 300 && json === undefined ? this.#send({ ...asked, url, method: 'GET' }) : from;
  }

  async #send(asked: CaRequest): Promise<Answered> {
    const { endpoint, gate, url } = asked;
    gate?.();
    const sentAt = this.#clock.monotonic();
    const report = (about: Pick<RequestReport, 'status' | 'problemType'>): void =>
      this.#onRequest?.({ ...about, endpoint, ca: caName(url), duration: this.#clock.monotonic() - sentAt });
    try {
      const answer = await this.#connection.send(asked);
      const date = answerDate(answer);
      if (date !== undefined) this.#clock.observe(date, sentAt);
      const from = answered(endpoint, url, answer, date ?? this.#clock.now());
      const { status } = answer;
      report({
        status,
        problemType: status < 300 ? undefined : (readProblem(from.json)?.type ?? 'invalidResponse'),
      });
      return from;
    } catch (error) {
      const problemType = error instanceof AcmeProblem ? error.type : 'aborted';
      report({ status: undefined, problemType });
      throw error;
    }
  }

  /** The CA does not know a resource of its directory: the directory has changed. */
  #forgetMovedResource({ answer, endpoint }: Answered): void {
    if ((answer.status !== 404 && answer.status !== 405) || !endpoint.startsWith('new-')) return;
    for (const cached of this.#directories.values()) cached.current = undefined;
  }
}
