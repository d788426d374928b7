import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { freePorts } from '../../deploy/local/free-ports.ts';
import { pageFile } from '../../src/inspector/page-file.ts';
import type { Delta, IngressDetail, IngressRow, Snapshot } from '../../src/inspector/protocol.ts';

/** Speaks the inspector's protocol for the page's tests: says what it is told to, and nothing of itself. */
export class FeedStandIn {
  snapshot: Snapshot;
  readonly details = new Map<string, IngressDetail>();
  /** After which id the viewers that came wanted to go on, undefined for those that were new. */
  readonly arrivals: (string | undefined)[] = [];
  #server: Server | undefined;
  #port = 0;
  #id = 0;
  /** With the Ingress whose detail they want. */
  readonly #viewers = new Map<ServerResponse, string>();

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
  }

  get viewers(): number {
    return this.#viewers.size;
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
    [this.#port = 0] = this.#port === 0 ? await freePorts(1) : [this.#port];
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
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
    this.#send('delta', delta);
  }

  /** @param now the controller's time */
  beat(now: number): void {
    this.#send('heartbeat', { now });
  }

  tellDetail(detail: IngressDetail): void {
    this.details.set(detail.row.key, detail);
    const frame = frameOf(undefined, 'detail', detail);
    for (const [viewer, key] of this.#viewers) if (key === detail.row.key) viewer.write(frame);
  }

  rowNamed(key: string): IngressRow {
    const row = this.snapshot.ingresses.find((row) => row.key === key);
    if (row === undefined) throw new Error(`the stand-in has no Ingress ${key}`);
    return row;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.address);
    if (pathname === '/events') return this.#stream(searchParams, response);
    const file = await pageFile(pathname);
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, file.headers).end(file.body);
  }

  #stream(asked: URLSearchParams, response: ServerResponse): void {
    const key = asked.get('source') ?? '';
    this.#viewers.set(response, key);
    response.on('close', () => this.#viewers.delete(response));
    this.arrivals.push(asked.get('after') ?? undefined);
    const { controller } = this.snapshot;
    const snapshot = { ...this.snapshot, controller: { ...controller, now: Date.now() } };
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(frameOf(this.#id, 'snapshot', snapshot));
    if (key === '') return;
    const detail = this.details.get(key);
    response.write(frameOf(undefined, detail === undefined ? 'gone' : 'detail', detail ?? {}));
  }

  #send(event: string, data: unknown): void {
    const frame = frameOf(this.#id, event, data);
    for (const viewer of this.#viewers.keys()) viewer.write(frame);
  }
}

function frameOf(id: number | undefined, event: string, data: unknown): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
