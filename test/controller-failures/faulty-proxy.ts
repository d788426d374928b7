import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as askServer, createServer, type Server } from 'node:https';
import type { Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Authority } from '../../deploy/local/authority.ts';
import { keptByServer } from '../../deploy/local/kept-connections.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The connection breaks after half of the body. */
  readonly half?: boolean;
}

/** A request on its way to the server. */
export interface Passage {
  readonly method: string;
  /** without its query */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  /** Sends it on; resolves to the server's whole answer. */
  readonly forward: () => Promise<Answer>;
}

/** What happens to a request: undefined lets it pass as it is; a hang-up breaks the connection without an answer. */
export type Interference = (passage: Passage) => Promise<Answer | 'hang-up'> | undefined;

/**
 * A server in front of a real one, over TLS of its own, that passes everything on until it is told to interfere: for
 * what no real server does on demand. The Host header stays, so that pebble's URLs lead through it too.
 */
export class FaultyProxy implements AsyncDisposable {
  /** https://127.0.0.1:PORT */
  readonly url: string;
  /** PEM of the authority that its certificate is signed by */
  readonly caPem: string;
  readonly #server: Server;
  interfere: Interference = () => undefined;
  /** What an answer that passes goes through on its way; undefined for nothing. */
  reshape: (passage: Passage) => Transform | undefined = () => undefined;

  /** Use `startFaultyProxy`. */
  constructor(url: string, caPem: string, server: Server) {
    this.url = url;
    this.caPem = caPem;
    this.#server = server;
  }

  /** Breaks every connection through it; new ones are accepted. */
  breakConnections(): void {
    this.#server.closeAllConnections();
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * @param target https://127.0.0.1:PORT of the real server
 * @param targetCa PEM that its certificate is signed by
 * @param marks headers of each request besides its own
 */
export async function startFaultyProxy(
  target: string,
  targetCa: string,
  marks: () => Readonly<Record<string, string>> = () => ({}),
): Promise<FaultyProxy> {
  const authority = new Authority('faulty proxy');
  const { chainPem, keyPem } = authority.issue({ hosts: ['localhost'], addresses: ['127.0.0.1'] });
  const server = createServer({ ...keptByServer, cert: chainPem, key: keyPem }, (incoming, response) => {
    pass(incoming, response, { target, targetCa, marks }, proxy).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('The proxy got no TCP port.');
  const proxy = new FaultyProxy(`https://127.0.0.1:${address.port}`, authority.certificatePem, server);
  return proxy;
}

interface Destination {
  readonly target: string;
  readonly targetCa: string;
  readonly marks: () => Readonly<Record<string, string>>;
}

async function pass(
  incoming: IncomingMessage,
  response: ServerResponse,
  { target, targetCa, marks }: Destination,
  proxy: Pick<FaultyProxy, 'interfere' | 'reshape'>,
): Promise<void> {
  const body = await text(incoming);
  const { method = '', url = '' } = incoming;
  const ask = async (): Promise<IncomingMessage> => {
    const outgoing = askServer(new URL(url, target), {
      method,
      ca: targetCa,
      headers: { ...incoming.headers, ...marks() },
      servername: '',
    });
    response.once('close', () => outgoing.destroy());
    outgoing.end(body);
    const [answer]: IncomingMessage[] = await once(outgoing, 'response');
    if (answer === undefined) throw new Error('no answer');
    return answer;
  };
  const { pathname: path, searchParams: query } = new URL(url, target);
  const forward = async (): Promise<Answer> => {
    const answer = await ask();
    const { statusCode: status = 0, headers } = answer;
    const plain = Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
    return { status, headers: Object.fromEntries(plain), body: await text(answer) };
  };
  const passage = { method, path, query, body, forward };
  const decided = await proxy.interfere(passage);
  if (decided === 'hang-up') response.destroy();
  else if (decided !== undefined) send(response, decided);
  else {
    const answer = await ask();
    answer.once('error', () => response.destroy());
    response.writeHead(answer.statusCode ?? 0, answer.headers);
    response.flushHeaders();
    const shape = proxy.reshape(passage);
    if (shape === undefined) answer.pipe(response);
    else {
      shape.once('error', () => response.destroy()).once('close', () => answer.destroy());
      response.once('close', () => shape.destroy());
      answer.pipe(shape).pipe(response);
    }
  }
}

function send(response: ServerResponse, { status, headers, body, half }: Answer): void {
  const framing = new Set(['content-length', 'transfer-encoding', 'connection']);
  const kept = Object.entries(headers).filter(([name]) => !framing.has(name));
  response.writeHead(status, { ...Object.fromEntries(kept), 'content-length': Buffer.byteLength(body) });
  if (half !== true) response.end(body);
  else response.write(body.slice(0, body.length / 2), () => response.destroy());
}
