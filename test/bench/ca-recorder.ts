import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { Authority } from '../../deploy/local/authority.ts';
import type { Pebble } from '../../deploy/local/pebble.ts';

/** A request and its answer; times in milliseconds since the epoch. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly receivedAt: number;
  readonly answeredAt: number;
  /** When the answer allows the next request for the same object; undefined without Retry-After. */
  readonly notBefore: number | undefined;
}

/**
 * A proxy between the controller and pebble that records what pebble's log lacks: times finer than a second, and the
 * Retry-After of each answer. It is transparent, because pebble builds its URLs from the Host header.
 */
export class CaRecorder implements AsyncDisposable {
  readonly exchanges: Exchange[] = [];
  readonly directoryUrl: string;
  /** path of a PEM file */
  readonly caBundle: string;
  readonly #server: Server;
  readonly #agent: Agent;

  private constructor(server: Server, agent: Agent, directoryUrl: string, caBundle: string) {
    this.#server = server;
    this.#agent = agent;
    this.directoryUrl = directoryUrl;
    this.caBundle = caBundle;
  }

  /** @param directory where the PEM file goes */
  static async start(pebble: Pebble, directory: string): Promise<CaRecorder> {
    const authority = new Authority('Recorder');
    const { chainPem, keyPem } = authority.issue({ addresses: ['127.0.0.1'] });
    const caBundle = join(directory, 'recorder-ca.pem');
    await writeFile(caBundle, authority.certificatePem);
    const server = createServer({ cert: chainPem, key: keyPem });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const agent = new Agent({ connect: { ca: await readFile(pebble.caBundle, 'utf8') }, allowH2: false });
    const recorder = new CaRecorder(server, agent, `https://127.0.0.1:${portOf(server)}/dir`, caBundle);
    const { origin } = new URL(pebble.directoryUrl);
    server.on('request', (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const { method = 'GET', url: path = '/', headers } = incoming;
        const receivedAt = Date.now();
        void recorder.#forward(origin, method, path, headers, Buffer.concat(chunks)).then(
          ({ status, headers: answerHeaders, body }) => {
            const answeredAt = Date.now();
            const notBefore = retryTime(answerHeaders['retry-after'], answeredAt);
            recorder.exchanges.push({ method, path, receivedAt, answeredAt, notBefore });
            outgoing.writeHead(status, answerHeaders).end(body);
          },
          () => outgoing.destroy(),
        );
      });
    });
    return recorder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#agent.destroy();
  }

  async #forward(
    origin: string,
    method: string,
    path: string,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    body: Buffer,
  ): Promise<{ status: number; headers: Record<string, string | string[]>; body: Buffer }> {
    const answer = await request(`${origin}${path}`, {
      method: method === 'POST' || method === 'HEAD' ? method : 'GET',
      dispatcher: this.#agent,
      headers: forwarded(headers, ['host', 'user-agent', 'content-type', 'accept', 'accept-language']),
      body: method === 'POST' ? body : null,
    });
    return {
      status: answer.statusCode,
      headers: forwarded(answer.headers, [
        'content-type',
        'replay-nonce',
        'location',
        'link',
        'retry-after',
        'date',
      ]),
      body: Buffer.from(await answer.body.arrayBuffer()),
    };
  }
}

function forwarded(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  names: readonly string[],
): Record<string, string | string[]> {
  const kept = names.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(kept);
}

/** Retry-After (RFC 9110 section 10.2.3): seconds, or a date. */
function retryTime(header: string | string[] | undefined, now: number): number | undefined {
  if (typeof header !== 'string') return undefined;
  return /^\d+$/.test(header) ? now + Number(header) * 1000 : Date.parse(header);
}

function portOf(server: Server): number {
  const isAddress = (address: AddressInfo | string | null): address is AddressInfo =>
    typeof address === 'object' && address !== null;
  const address = server.address();
  if (!isAddress(address)) throw new Error('the recorder has no port');
  return address.port;
}
