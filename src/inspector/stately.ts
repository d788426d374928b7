import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../clock.ts';
import type { IngressActor } from '../supervisor.ts';
import { type Inspectable, observe } from './observation.ts';
import { isLocal } from './server.ts';
import { actorFrame, type Frame, frameOf, isShown, parentOf, rootFrame } from './stately-frames.ts';

export interface StatelyOptions {
  readonly actors: ReadonlyMap<string, IngressActor>;
  readonly system: Inspectable;
  /** Session id of the supervisor. */
  readonly rootId: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly onError: (error: unknown) => void;
}

export const statelyPath = '/stately';
/** Stately's own inspector is a page from here. */
const statelyOrigin = 'https://stately.ai';
const mostViewers = 4;
/** Bytes that may wait for a viewer, besides what it got at the beginning. */
const longestBacklog = 1024 * 1024;

/**
 * Speaks the frames of @statelyai/inspect over a WebSocket, so that its receivers and Stately's own inspector can attach. What it sends is
 * sanitised (see stately-frames.ts), it takes in nothing, and while nobody is attached nothing is observed.
 */
export class StatelyEndpoint {
  readonly #options: StatelyOptions;
  /** By viewer: the backlog that is its due. */
  readonly #viewers = new Map<WebSocket, number>();
  #server: WebSocketServer | undefined;
  #stopObserving: (() => void) | undefined;
  #isStopped = false;

  constructor(options: StatelyOptions) {
    this.#options = options;
  }

  /** Answers the upgrades of this server, all of them. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => {
      this.#upgrade(request, socket, head).catch((error: unknown) => {
        socket.destroy();
        this.#options.onError(error);
      });
    });
  }

  /** Sends everybody away. */
  stop(): void {
    this.#isStopped = true;
    for (const viewer of this.#viewers.keys()) viewer.terminate();
    this.#server?.close();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    const status = this.#refusal(request);
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    if (this.#server === undefined) {
      const { WebSocketServer } = await import('ws');
      this.#server ??= new WebSocketServer({ noServer: true, maxPayload: 1024 });
    }
    if (this.#isStopped) {
      socket.destroy();
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (viewer) => this.#welcome(viewer));
  }

  #refusal(request: IncomingMessage): string | undefined {
    const { origin, host } = request.headers;
    const known = origin === statelyOrigin ? { headers: { host } } : request;
    if (!isLocal(known)) return '403 Forbidden';
    if (request.url?.split('?')[0] !== statelyPath) return '404 Not Found';
    return this.#viewers.size < mostViewers ? undefined : '503 Service Unavailable';
  }

  #welcome(viewer: WebSocket): void {
    viewer.on('close', () => this.#leave(viewer));
    viewer.on('error', () => viewer.terminate());
    let size = 0;
    for (const frame of this.#everything()) {
      const text = JSON.stringify(frame);
      size += text.length;
      viewer.send(text);
    }
    this.#viewers.set(viewer, size + longestBacklog);
    const { system, clock, onError } = this.#options;
    this.#stopObserving ??= observe(
      system,
      (inspected) => {
        const frame = frameOf(inspected, clock.now());
        if (frame !== undefined) this.#send(JSON.stringify(frame));
      },
      onError,
    );
  }

  /** The supervisor, the Ingresses and their certificates with their definitions, for one who comes late. */
  *#everything(): Generator<Frame> {
    const { actors, rootId, clock } = this.#options;
    const now = clock.now();
    yield rootFrame(rootId, now);
    for (const actor of actors.values()) {
      if (isShown(actor)) yield actorFrame(actor, rootId, rootId, now);
      for (const child of Object.values(actor.getSnapshot().children)) {
        if (child !== undefined && isShown(child)) yield actorFrame(child, parentOf(child), rootId, now);
      }
    }
  }

  #send(text: string): void {
    for (const [viewer, allowance] of this.#viewers) {
      viewer.send(text);
      if (viewer.bufferedAmount > allowance) viewer.terminate();
      else if (viewer.bufferedAmount < longestBacklog) this.#viewers.set(viewer, longestBacklog);
    }
  }

  #leave(viewer: WebSocket): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    this.#stopObserving?.();
    this.#stopObserving = undefined;
  }
}
