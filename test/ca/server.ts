import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { Authority } from '../../deploy/local/authority.ts';
import { keptByServer } from '../../deploy/local/kept-connections.ts';
import type { Finding } from './authorizations.ts';
import { ScriptedCa } from './ca.ts';
import type { CaAnswer, CaRequest } from './exchange.ts';
import type { CaOptions } from './options.ts';

export interface CaServerOptions extends Partial<CaOptions> {
  /** Where it looks for the proofs of all hosts, on 127.0.0.1. */
  readonly vaHttpPort: number;
  /** HOST:PORT of a DNS server that is asked for each host; without it all hosts exist. */
  readonly dnsAddress?: string | undefined;
  /** What happens around a request, which `handle` has the CA answer: called when the whole request is there. */
  readonly around?: ((request: CaRequest, handle: () => Promise<CaAnswer>) => Promise<CaAnswer>) | undefined;
}

const validationLimit = 60_000; // milliseconds
const maxBody = 65_536;

/** A strict CA on a free port of 127.0.0.1, validating over real HTTP. */
export class CaServer implements AsyncDisposable {
  readonly ca: ScriptedCa;
  /** PEM; for LEGO_CA_BUNDLE. Not the root of what it issues. */
  readonly caBundle: string;
  readonly #server: Server;
  readonly #validator: Validator;
  readonly #around: NonNullable<CaServerOptions['around']>;

  private constructor(
    server: Server,
    validator: Validator,
    ca: ScriptedCa,
    caBundle: string,
    around: CaServerOptions['around'],
  ) {
    this.#server = server;
    this.#validator = validator;
    this.#around = around ?? ((_request, handle) => handle());
    this.ca = ca;
    this.caBundle = caBundle;
    server.on('request', (request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  static async start({ vaHttpPort, dnsAddress, around, ...options }: CaServerOptions): Promise<CaServer> {
    const authority = new Authority('Listener of the strict CA');
    const { chainPem, keyPem } = authority.issue({ hosts: ['localhost'], addresses: ['127.0.0.1'] });
    const server = createServer({ ...keptByServer, cert: chainPem, key: keyPem });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'string' || address === null) throw new Error('the CA has no port');
    const validator = new Validator(vaHttpPort, dnsAddress);
    const ca = new ScriptedCa({
      now: () => Date.now(),
      validate: (host, token, keyAuthorization) => validator.validate(host, token, keyAuthorization),
      seed: address.port,
      ...options,
      origin: `https://127.0.0.1:${address.port}`,
    });
    return new CaServer(server, validator, ca, authority.certificatePem, around);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#validator.close();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) {
      body += String(chunk);
      if (body.length > maxBody) throw new Error('a request that is too long');
    }
    const received: CaRequest = {
      method: request.method ?? '',
      url: `https://${request.headers.host ?? ''}${request.url ?? ''}`,
      headers: request.headers,
      body,
      source: request.socket.remoteAddress,
    };
    send(await this.#around(received, () => this.ca.handle(received)), request, response);
  }
}

function send(answer: CaAnswer, request: IncomingMessage, response: ServerResponse): void {
  if (answer.broken === 'silence') return;
  if (answer.broken === 'reset') {
    request.socket.destroy();
    return;
  }
  const length = Buffer.byteLength(answer.body);
  const hasBody = request.method !== 'HEAD' && answer.status !== 204;
  response.writeHead(answer.status, { ...answer.headers, ...(hasBody && { 'content-length': length }) });
  if (answer.broken !== 'half') response.end(hasBody ? answer.body : undefined);
  else response.write(answer.body.slice(0, length / 2), () => request.socket.destroy());
}

/** Looks for proofs by HTTP-01 (RFC 8555 section 8.3); unlike Let's Encrypt it follows no redirect. */
class Validator {
  readonly #port: number;
  readonly #resolver: Resolver | undefined;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(port: number, dnsAddress: string | undefined) {
    this.#port = port;
    if (dnsAddress === undefined) return;
    this.#resolver = new Resolver({ timeout: 15_000, tries: 4 });
    this.#resolver.setServers([dnsAddress]);
  }

  async validate(host: string, token: string, keyAuthorization: string): Promise<Finding> {
    const [address] = (await this.#resolver?.resolve4(host).catch(() => [])) ?? ['127.0.0.1'];
    if (address === undefined) return 'dns';
    const answer = await this.#get(host, address, `/.well-known/acme-challenge/${token}`).catch(
      () => undefined,
    );
    if (answer === undefined) return 'connection';
    return answer.trimEnd() === keyAuthorization ? 'ok' : 'wrong-answer';
  }

  close(): void {
    this.#agent.destroy();
    this.#resolver?.cancel();
  }

  /** @returns what is there; empty if it is not found */
  async #get(host: string, address: string, path: string): Promise<string> {
    const request = httpRequest({
      agent: this.#agent,
      host: address,
      port: this.#port,
      path,
      headers: { host, 'user-agent': 'strict-ca' },
      signal: AbortSignal.timeout(validationLimit),
    });
    const responded: Promise<IncomingMessage> = new Promise((resolve, reject) => {
      request.on('response', resolve).on('error', reject);
    });
    request.end();
    const response = await responded;
    let text = '';
    for await (const chunk of response) {
      if (text.length < maxBody) text += String(chunk);
    }
    return response.statusCode === 200 ? text : '';
  }
}
