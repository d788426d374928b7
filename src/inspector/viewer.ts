import type { ServerResponse } from 'node:http';

/** Characters that may wait for a viewer to take them. */
const longestBacklog = 1024 * 1024;

/** Somebody who is sent server-sent events. One that does not keep up is closed: it comes back for a snapshot. */
export class Viewer {
  readonly #response: ServerResponse;
  /** The snapshot does not count as backlog until it has been taken once. */
  #allowance = longestBacklog;

  /** @param onGone called once, when the connection is closed by whomever */
  constructor(response: ServerResponse, onGone: () => void) {
    this.#response = response;
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    });
    response.on('drain', () => {
      this.#allowance = longestBacklog;
    });
    response.on('error', () => response.destroy());
    response.on('close', onGone);
    this.send('retry: 1000\n\n');
  }

  /** Everything there is to see, however long. */
  sendSnapshot(frame: string): void {
    this.#allowance = longestBacklog + this.#response.writableLength + Buffer.byteLength(frame);
    this.send(frame);
  }

  send(frame: string): void {
    if (this.#response.destroyed) return;
    this.#response.write(frame);
    if (this.#response.writableLength > this.#allowance) this.#response.destroy();
  }

  close(): void {
    this.#response.destroy();
  }
}
