import type { ServerResponse } from 'node:http';
import { second } from '../../machines/time/durations.ts';

export interface MetricsEndpointOptions {
  readonly contentType: string;
  /** @throws any error; the answer does not contain it */
  readonly text: () => Promise<string>;
  readonly onError: (error: unknown) => void;
}

/** Milliseconds for which an answer is cached, so that frequent scrapes cost nothing. */
const freshness = second;
/** Each holds an answer, and thousands of certificates make megabytes: at this number the oldest is disconnected for the next. */
const mostReaders = 5;

/** Answers `/metrics`. */
export class MetricsEndpoint {
  readonly #options: MetricsEndpointOptions;
  readonly #readers = new Set<ServerResponse>();
  #answer: Promise<Buffer> | undefined;

  constructor(options: MetricsEndpointOptions) {
    this.#options = options;
  }

  async answer(response: ServerResponse): Promise<void> {
    const [oldest] = this.#readers;
    if (oldest !== undefined && this.#readers.size >= mostReaders) {
      this.#readers.delete(oldest);
      oldest.destroy();
    }
    this.#readers.add(response);
    response.once('close', () => this.#readers.delete(response));
    try {
      const body = await this.#current();
      response.writeHead(200, {
        'content-type': this.#options.contentType,
        'content-length': body.byteLength,
        'cache-control': 'no-store',
      });
      response.end(body);
    } catch (error) {
      this.#options.onError(error);
      response.writeHead(503, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
      response.end('the metrics cannot be read; the log says why\n');
    }
  }

  #current(): Promise<Buffer> {
    if (this.#answer === undefined) {
      this.#answer = this.#options.text().then((text) => Buffer.from(text));
      setTimeout(() => {
        this.#answer = undefined;
      }, freshness).unref();
    }
    return this.#answer;
  }
}
