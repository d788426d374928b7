import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pageFile } from '../../src/inspector/page/files.ts';
import type { Delta, IngressDetail, IngressRow, Snapshot } from '../../src/inspector/protocol.ts';

/** Speaks the inspector's protocol for the page's tests: says what it is told to, and nothing of itself. */
export class FeedStandIn {
  snapshot: Snapshot;
  readonly details = new Map<string, IngressDetail>();
  /** With which `Last-Event-ID` viewers came, undefined for those without. */
  readonly arrivals: (string | undefined)[] = [];
  #server: Server | undefined;
  #port = 0;
  #id = 0;
  readonly #viewers = new Map<ServerResponse, string>();

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** On the port it had before, if it had one. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(asError(error)));
    });
    this.#server = server;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  /** Changes rows here and at all viewers. */
  tell(change: Partial<Delta>): void {
    const delta = { upserts: [], removed: [], ...change };
    const changed = new Map(delta.upserts.map((row) => [row.key, row]));
    const kept = this.snapshot.ingresses
      .filter(({ key }) => !delta.removed.includes(key))
      .map((row) => changed.get(row.key) ?? row);
    const known = new Set(kept.map(({ key }) => key));
    const { supervisor = this.snapshot.supervisor } = change;
    const ingresses = [...kept, ...delta.upserts.filter(({ key }) => !known.has(key))];
    this.snapshot = { ...this.snapshot, ingresses, supervisor };
    this.#id += 1;
    this.#send('/events', 'delta', delta);
  }

  tellDetail(detail: IngressDetail): void {
    this.details.set(detail.row.key, detail);
    this.#send(`/ingresses/${detail.row.key}/events`, 'detail', detail);
  }

  rowNamed(key: string): IngressRow {
    const row = this.snapshot.ingresses.find((row) => row.key === key);
    if (row === undefined) throw new Error(`the stand-in has no Ingress ${key}`);
    return row;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(request.url ?? '/');
    if (path.endsWith('/events')) return this.#stream(path, request, response);
    const file = await pageFile(path);
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, file.headers).end(file.body);
  }

  #stream(path: string, request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write('retry: 200\n\n');
    this.#viewers.set(response, path);
    response.on('close', () => this.#viewers.delete(response));
    if (path === '/events') {
      const last = request.headers['last-event-id'];
      this.arrivals.push(typeof last === 'string' ? last : undefined);
      const { controller } = this.snapshot;
      response.write(
        this.#frame('snapshot', { ...this.snapshot, controller: { ...controller, now: Date.now() } }),
      );
      return;
    }
    const detail = this.details.get(path.split('/').slice(2, -1).join('/'));
    response.write(detail === undefined ? this.#frame('gone', {}) : this.#frame('detail', detail));
  }

  #send(path: string, event: string, data: unknown): void {
    const frame = this.#frame(event, data);
    for (const [viewer, watched] of this.#viewers) if (watched === path) viewer.write(frame);
  }

  #frame(event: string, data: unknown): string {
    return `id: ${this.#id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
