import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';

/** An HTTP proxy for HTTPS that connects from an address of its own: the CA knows by it who asks. */
export class CaTunnel implements AsyncDisposable {
  /** HTTPS_PROXY */
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(url: string, server: Server, sockets: Set<Socket>) {
    this.url = url;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** @param localAddress one of the loopback network, such as 127.0.1.1 */
  static async start(localAddress: string): Promise<CaTunnel> {
    const sockets = new Set<Socket>();
    const keep = (socket: Socket): void => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    };
    const server = createServer();
    server.on('connection', keep);
    server.on('connect', (request, socket: Socket) => {
      const { hostname: host, port } = new URL(`https://${request.url ?? ''}`);
      const outgoing = connect({ host, port: Number(port), localAddress });
      keep(outgoing);
      outgoing.once('connect', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        outgoing.pipe(socket).pipe(outgoing);
      });
      outgoing.once('error', () => socket.destroy());
      socket.once('error', () => outgoing.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('The tunnel got no TCP port.');
    return new CaTunnel(`http://127.0.0.1:${address.port}`, server, sockets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}
