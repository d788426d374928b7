import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import { createServer } from './node-http.ts';
import { readInSlices } from './sliced-reads.ts';

/** Times are milliseconds. */
export interface ServerBounds {
  /** Connections at a time. At the cap a new one takes the place of the one that has been idle longest. */
  readonly connections: number;
  /** Bytes of all header lines of a request. */
  readonly headerBytes: number;
  /** From the first byte of a request to its last; of the first request: from the connection on. */
  readonly requestTimeout: number;
  /** From the complete request until its answer is with the kernel. Undefined for answers that are streams. */
  readonly answerTimeout?: number;
  /** Between two requests of one connection. */
  readonly keepAlive: number;
  readonly requestsPerConnection: number;
}

/** Requests of one connection that wait for their answers. No ingress controller, Prometheus or kubelet pipelines. */
const mostUnanswered = 8;
const mostHeaders = 100;

/**
 * An HTTP server that no client can take away from the others: whoever keeps connections open loses the oldest of them to the next
 * client. Addresses are not counted: behind an ingress controller all requests come from a few.
 *
 * An upgraded connection counts as idle.
 */
export function createBoundedServer(bounds: ServerBounds, listener: RequestListener): Server {
  const { requestTimeout } = bounds;
  const server = createServer({
    maxHeaderSize: bounds.headerBytes,
    headersTimeout: requestTimeout,
    requestTimeout,
    // Node looks for late requests at this interval only; its default of 30 s makes a time-out of 5 s one of 35 s.
    connectionsCheckingInterval: requestTimeout / 5,
    keepAliveTimeout: bounds.keepAlive,
  });
  server.maxHeadersCount = mostHeaders;
  // The last answer asks the client to close; Node would say 503 to what comes instead.
  server.maxRequestsPerSocket = bounds.requestsPerConnection;
  server.on('dropRequest', (_request, socket) => socket.destroy());

  const connections = new Connections(bounds);
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    readInSlices(socket);
    socket.on('data', () => undefined);
  });
  server.on('request', (request, response) => {
    const { socket } = request;
    if (!connections.begin(socket)) return;
    response.once('close', () => connections.end(socket));
    // Reads no body: what is sent after the answer would be read to its end.
    if (hasBody(request)) response.setHeader('connection', 'close');
    listener(request, response);
  });
  return server;
}

interface Waiting {
  unanswered: number;
  readonly timer: NodeJS.Timeout | undefined;
}

/** The open connections of one server, each group in the order in which they got into it. */
class Connections {
  readonly #bounds: ServerBounds;
  readonly #idle = new Set<Socket>();
  readonly #busy = new Map<Socket, Waiting>();

  constructor(bounds: ServerBounds) {
    this.#bounds = bounds;
  }

  add(socket: Socket): void {
    if (this.#idle.size + this.#busy.size >= this.#bounds.connections) this.#closeOldest();
    this.#idle.add(socket);
    socket.once('close', () => this.#remove(socket));
  }

  /** @returns false if the connection was closed instead: too many requests wait, or it had to go for another */
  begin(socket: Socket): boolean {
    if (socket.destroyed) return false;
    const waiting = this.#busy.get(socket);
    if (waiting !== undefined) {
      waiting.unanswered += 1;
      if (waiting.unanswered > mostUnanswered) this.#close(socket);
      return !socket.destroyed;
    }
    this.#idle.delete(socket);
    this.#wait(socket, 1);
    return true;
  }

  end(socket: Socket): void {
    const waiting = this.#busy.get(socket);
    if (waiting === undefined) return;
    const unanswered = waiting.unanswered - 1;
    this.#remove(socket);
    if (unanswered > 0) this.#wait(socket, unanswered);
    else if (!socket.destroyed) this.#idle.add(socket);
  }

  #wait(socket: Socket, unanswered: number): void {
    const { answerTimeout } = this.#bounds;
    const timer =
      answerTimeout === undefined ? undefined : setTimeout(() => this.#close(socket), answerTimeout);
    this.#busy.set(socket, { unanswered, timer });
  }

  /** If none is idle, the one that has waited longest for its answer, or has not taken it. */
  #closeOldest(): void {
    const [oldest] = this.#idle.size > 0 ? this.#idle : this.#busy.keys();
    if (oldest !== undefined) this.#close(oldest);
  }

  #close(socket: Socket): void {
    this.#remove(socket);
    socket.destroy();
  }

  #remove(socket: Socket): void {
    this.#idle.delete(socket);
    clearTimeout(this.#busy.get(socket)?.timer);
    this.#busy.delete(socket);
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}
