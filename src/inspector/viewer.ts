import type { ServerResponse } from 'node:http';

/** Maximum of buffered characters per viewer. */
const longestBacklog = 1024 * 1024;

/** A receiver of server-sent events. A slow one is closed: it reconnects for a snapshot. */
export class Viewer {
  readonly #response: ServerResponse;
  /** The snapshot does not count as backlog until it is flushed once. */
  #allowance = longestBacklog;

  /** @param onGone called once, when the connection is closed by either side */
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

  /** The snapshot, of any length. */
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
