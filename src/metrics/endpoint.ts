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
/** A slower reader is disconnected. */
const longestAnswer = 10 * second;
/** Thousands of certificates make megabytes. */
const mostReaders = 5;

/** Answers `/metrics`. */
export class MetricsEndpoint {
  readonly #options: MetricsEndpointOptions;
  #readers = 0;
  #answer: Promise<Buffer> | undefined;

  constructor(options: MetricsEndpointOptions) {
    this.#options = options;
  }

  async answer(response: ServerResponse): Promise<void> {
    if (this.#readers >= mostReaders) return refuse(response, 'too many scrapes at a time');
    this.#readers += 1;
    const limit = setTimeout(() => response.destroy(), longestAnswer);
    response.once('close', () => {
      this.#readers -= 1;
      clearTimeout(limit);
    });
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
      refuse(response, 'the metrics cannot be read; the log says why');
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

function refuse(response: ServerResponse, reason: string): void {
  response.writeHead(503, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
  response.end(`${reason}\n`);
}
