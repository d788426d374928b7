import type { Dispatcher } from 'undici';
import type { Headers } from './headers.ts';

export interface ExchangeOptions {
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly signal: AbortSignal;
  /** Milliseconds until the answer begins, and of each pause within it; 0: no limit. */
  readonly timeout: number;
  /** Bytes of the body of an answer with this status. */
  readonly mostBytes: (status: number) => number;
  /** What an answer with a longer body ends with. */
  readonly tooLong: () => Error;
  /** Called when the request has left the queue for its connection; an error that it throws ends the request, which is not sent. */
  readonly onStart?: () => void;
  /** Called with each interim answer (1xx); an error that it throws ends the request. */
  readonly onInterim?: () => void;
}

/** An answer with its whole body, or as much of it as came. */
export interface ExchangeAnswer {
  readonly statusCode: number;
  readonly headers: Headers;
  readonly body: Buffer;
  /** Why the body is not complete: an error, or the signal's reason. */
  readonly failure?: unknown;
}

/**
 * One request whose answer is collected in memory. undici's own `request` makes a stream of each body, which for the small answers of
 * CAs and API servers takes as long as all the rest of it.
 *
 * @throws the error of the connection, or the signal's reason, if the answer did not begin
 */
export function exchange(
  pool: Pick<Dispatcher, 'dispatch'>,
  { origin, pathname, search }: URL,
  { method, headers, body, timeout, ...bounds }: ExchangeOptions,
): Promise<ExchangeAnswer> {
  const path = pathname + search;
  return new Promise((resolve, reject) => {
    bounds.signal.throwIfAborted();
    const collected = new CollectedAnswer(bounds, resolve, reject);
    const limits = { headersTimeout: timeout, bodyTimeout: timeout };
    try {
      pool.dispatch({ origin, path, method, headers, body, ...limits }, collected);
    } catch (error) {
      collected.fail(error);
    }
  });
}

class CollectedAnswer implements Dispatcher.DispatchHandler {
  readonly #bounds: Pick<ExchangeOptions, 'signal' | 'mostBytes' | 'tooLong' | 'onStart' | 'onInterim'>;
  readonly #resolve: (answer: ExchangeAnswer) => void;
  readonly #reject: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #start: Pick<ExchangeAnswer, 'statusCode' | 'headers'> | undefined;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #ended = false;

  constructor(
    bounds: Pick<ExchangeOptions, 'signal' | 'mostBytes' | 'tooLong' | 'onStart' | 'onInterim'>,
    resolve: (answer: ExchangeAnswer) => void,
    reject: (error: unknown) => void,
  ) {
    this.#bounds = bounds;
    this.#resolve = resolve;
    this.#reject = reject;
    bounds.signal.addEventListener('abort', this.#abort);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It was aborted while it waited for a connection.
    if (this.#ended || this.#bounds.signal.aborted) this.#abort();
    else this.#bounds.onStart?.();
  }

  onResponseStart(_: Dispatcher.DispatchController, statusCode: number, headers: Headers): void {
    if (statusCode < 200) this.#bounds.onInterim?.();
    else this.#start = { statusCode, headers };
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { mostBytes, tooLong } = this.#bounds;
    this.#length += chunk.length;
    this.#chunks.push(chunk);
    if (this.#start !== undefined && this.#length > mostBytes(this.#start.statusCode))
      controller.abort(tooLong());
  }

  onResponseEnd(): void {
    this.#end({});
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  fail(error: unknown): void {
    this.#end({ failure: error });
  }

  readonly #abort = (): void => {
    const { reason } = this.#bounds.signal;
    this.fail(reason);
    this.#controller?.abort(reason instanceof Error ? reason : new Error('aborted', { cause: reason }));
  };

  #end(how: Pick<ExchangeAnswer, 'failure'>): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#bounds.signal.removeEventListener('abort', this.#abort);
    if (this.#start === undefined) this.#reject(how.failure);
    else this.#resolve({ ...this.#start, body: Buffer.concat(this.#chunks, this.#length), ...how });
  }
}
