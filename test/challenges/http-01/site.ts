import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server } from 'node:net';
import { TestCa } from '../../certificate/test-ca.ts';

/** What some web server on loopback is asked, and how it answers. */
export class Site implements AsyncDisposable {
  readonly #server: Server;
  connections = 0;
  readonly port: number;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on('connection', () => {
      this.connections++;
    });
  }

  /** Any server, on a free port. */
  static async serve(server: Server, address = '127.0.0.1', port = 0): Promise<Site> {
    server.listen(port, address);
    await once(server, 'listening');
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the server has no port');
    return new Site(server, bound.port);
  }

  static start(listener: RequestListener, address?: string, port?: number): Promise<Site> {
    return Site.serve(createServer(listener), address, port);
  }

  /** With a certificate that nobody trusts and for another name, as before the first issuance. */
  static startTls(listener: RequestListener): Promise<Site> {
    const { certificatePem, keyPem } = new TestCa().leaf({ dnsNames: ['default.invalid'] });
    return Site.serve(createTlsServer({ cert: certificatePem, key: keyPem }, listener));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if ('closeAllConnections' in this.#server && typeof this.#server.closeAllConnections === 'function') {
      this.#server.closeAllConnections();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Answers every challenge as the account with this thumbprint would. */
export function answering(thumbprint: string): RequestListener {
  return (request, response) => {
    response.end(`${request.url?.split('/').at(-1)}.${thumbprint}`);
  };
}

/** Answers everything alike. */
export function saying(status: number, body: string, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}
