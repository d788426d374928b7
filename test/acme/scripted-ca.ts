import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { selfSignedCertificate } from '../../deploy/local/edge/self-signed.ts';
import { keptByServer } from '../../deploy/local/kept-connections.ts';
import { isRecord, stringField } from '../../src/process/json.ts';

/** A request as the CA got it. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Of the JWS; undefined for a POST-as-GET or no JWS. */
  readonly payload: unknown;
  readonly nonce: string | undefined;
  readonly at: number;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: string | object;
  /** Writes only the first half of the body and breaks the connection. */
  readonly half?: boolean;
  /** Answers with 102 that come first. */
  readonly interim?: number;
}

/** What to answer; undefined to break the connection without an answer; `silence` to never answer. */
export type Script = (received: Received, times: number) => Reply | undefined | 'silence';

const start = Date.now();
/** One for all of them, so that the client reads its bundle, with all roots of Node, once: that took a third of these tests' CPU. */
const { certificatePem, keyPem } = selfSignedCertificate({
  hosts: ['localhost'],
  commonName: 'scripted CA',
  notBefore: start - 60_000,
  notAfter: start + 3_600_000,
});

/**
 * A CA in this process that says what a test tells it to: for the answers that no real CA gives on demand. By default it plays
 * the order of one host through, without looking at signatures.
 */
export class ScriptedCa {
  readonly received: Received[] = [];
  readonly scripts = new Map<string, Script>();
  readonly caBundle = certificatePem;
  /** Added to the clock in the `Date` header, milliseconds. */
  clockError = 0;
  now: () => number = () => Date.now();
  readonly #server: Server;
  #origin = '';
  #nonces = 0;

  constructor() {
    this.#server = createServer(
      { ...keptByServer, cert: certificatePem, key: keyPem },
      (request, response) => {
        this.#serve(request, response).catch(() => response.destroy());
      },
    );
  }

  get directoryUrl(): string {
    return this.url('/directory');
  }

  url(path: string): string {
    return `${this.#origin}${path}`;
  }

  /** What it issues: two certificates. */
  get chainPem(): string {
    return this.caBundle + this.caBundle;
  }

  /** How often this path was asked for. */
  count(path: string): number {
    return this.received.filter((request) => request.path === path).length;
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (typeof address === 'string' || address === null) throw new Error('no port');
    this.#origin = `https://localhost:${address.port}`;
    this.#playByDefault();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** An order of `a.example` as this CA shows it. */
  order(changes: object = {}): object {
    return {
      status: 'pending',
      identifiers: [{ type: 'dns', value: 'a.example' }],
      authorizations: [this.url('/authz')],
      finalize: this.url('/finalize'),
      ...changes,
    };
  }

  authorization(changes: object = {}): object {
    return {
      status: 'pending',
      identifier: { type: 'dns', value: 'a.example' },
      challenges: [
        { type: 'http-01', url: this.url('/challenge'), status: 'pending', token: 'x'.repeat(43) },
      ],
      ...changes,
    };
  }

  #playByDefault(): void {
    const { scripts } = this;
    let answered = false;
    let finalized = false;
    const located = (path: string): Record<string, string> => ({ location: this.url(path) });
    scripts.set('/directory', () => ({
      body: {
        newNonce: this.url('/nonce'),
        newAccount: this.url('/new-account'),
        newOrder: this.url('/new-order'),
        meta: {
          termsOfService: 'https://ca.example/terms',
          profiles: { classic: 'the usual', short: 'six days' },
        },
      },
    }));
    scripts.set('/nonce', () => ({}));
    scripts.set('/new-account', () => ({
      status: 201,
      headers: located('/account'),
      body: { status: 'valid' },
    }));
    scripts.set('/account', () => ({ body: { status: 'valid' } }));
    scripts.set('/new-order', () => ({ status: 201, headers: located('/order'), body: this.order() }));
    scripts.set('/authz', () => ({ body: this.authorization({ status: answered ? 'valid' : 'pending' }) }));
    scripts.set('/challenge', () => {
      answered = true;
      return {
        body: { type: 'http-01', url: this.url('/challenge'), status: 'processing', token: 'x'.repeat(43) },
      };
    });
    scripts.set('/finalize', () => {
      finalized = true;
      return { body: this.order({ status: 'processing' }) };
    });
    scripts.set('/order', () => ({
      body: this.order(
        finalized ? { status: 'valid', certificate: this.url('/certificate') } : { status: 'ready' },
      ),
    }));
    scripts.set('/certificate', () => ({
      headers: { 'content-type': 'application/pem-certificate-chain' },
      body: this.chainPem,
    }));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const path = request.url ?? '';
    const jws: unknown = text === '' ? undefined : JSON.parse(text);
    const received: Received = {
      method: request.method ?? '',
      path,
      headers: request.headers,
      payload: decoded(jws, 'payload'),
      nonce: stringField(decoded(jws, 'protected'), 'nonce'),
      at: performance.now(),
    };
    this.received.push(received);
    const reply = this.scripts.get(path)?.(received, this.count(path));
    if (reply === 'silence') return;
    if (reply === undefined) {
      response.destroy();
      return;
    }
    for (let count = 0; count < (reply.interim ?? 0); count += 1) response.writeProcessing();
    this.#nonces += 1;
    const body = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? '');
    response.writeHead(reply.status ?? 200, {
      date: new Date(this.now() + this.clockError).toUTCString(),
      'replay-nonce': `nonce-${this.#nonces}`,
      'content-length': Buffer.byteLength(body),
      ...(typeof reply.body === 'object' && { 'content-type': 'application/json' }),
      ...reply.headers,
    });
    if (reply.half !== true) response.end(body);
    else response.write(body.slice(0, body.length / 2), () => response.destroy());
  }
}

function decoded(jws: unknown, field: string): unknown {
  const text = isRecord(jws) ? stringField(jws, field) : undefined;
  return text === undefined || text === ''
    ? undefined
    : JSON.parse(Buffer.from(text, 'base64url').toString());
}

/** A problem as ACME words it. */
export function problem(
  status: number,
  type: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail, status }),
  };
}
