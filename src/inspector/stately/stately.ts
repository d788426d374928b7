// The actors for Stately's inspector, by WebSocket (`LEGO_STATELY_INSPECTOR`). Called by the inspector's endpoint.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { WebSocket, WebSocketServer } from 'ws';
import type { ObservedIngresses } from '../../actors/ingress-actors.ts';
import type { Clock } from '../../time/clock.ts';
import { isLocal } from '../inspector-server.ts';
import { type Inspectable, observe } from '../observation.ts';
import { actorFrame, type Frame, ingressFrame, isShown, rootFrame, statelyFrame } from './stately-frames.ts';

export interface StatelyOptions {
  readonly actors: ObservedIngresses;
  readonly system: Inspectable;
  /** Session id of the supervisor. */
  readonly rootId: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly onError: (error: unknown) => void;
}

const statelyPath = '/stately';
/** Origin of Stately's inspector. */
const statelyOrigin = 'https://stately.ai';
const mostViewers = 4;
/** Maximum of buffered bytes per viewer. */
const longestBacklog = 1024 * 1024;
/** Actors per batch for a new viewer; thousands at once would block the event loop. */
const atOnce = 50;

/**
 * Sends the frames of @statelyai/inspect over a WebSocket, for its receivers and Stately's inspector. Frames are sanitised (see
 * stately-frames.ts), input is ignored, and nothing is observed without viewers.
 */
export class StatelyEndpoint {
  readonly #options: StatelyOptions;
  readonly #viewers = new Set<WebSocket>();
  #server: WebSocketServer | undefined;
  #stopObserving: (() => void) | undefined;
  #isStopped = false;

  constructor(options: StatelyOptions) {
    this.#options = options;
  }

  /** Answers the request for a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#upgrade(request, socket, head).catch((error: unknown) => {
      socket.destroy();
      this.#options.onError(error);
    });
  }

  /** Closes all viewers. */
  stop(): void {
    this.#isStopped = true;
    for (const viewer of this.#viewers) viewer.terminate();
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
    this.#server.handleUpgrade(request, socket, head, (viewer) => {
      this.#welcome(viewer).catch(this.#options.onError);
    });
  }

  #refusal(request: IncomingMessage): string | undefined {
    const { origin, host } = request.headers;
    const known = origin === statelyOrigin ? { headers: { host } } : request;
    if (!isLocal(known)) return '403 Forbidden';
    if (request.url?.split('?')[0] !== statelyPath) return '404 Not Found';
    return this.#viewers.size < mostViewers ? undefined : '503 Service Unavailable';
  }

  async #welcome(viewer: WebSocket): Promise<void> {
    viewer.on('close', () => this.#leave(viewer));
    viewer.on('error', () => viewer.terminate());
    this.#viewers.add(viewer);
    const { system, actors, clock, onError } = this.#options;
    this.#stopObserving ??= observe({
      system,
      actors,
      observer: (inspected) => {
        const frame = statelyFrame(inspected, clock.now());
        if (frame !== undefined) this.#send(JSON.stringify(frame));
      },
      onError,
    });
    let sent = 0;
    for (const frame of this.#everything()) {
      if (viewer.readyState !== viewer.OPEN) return;
      sent += 1;
      const text = JSON.stringify(frame);
      if (sent % atOnce > 0) viewer.send(text);
      else {
        await delivered(viewer, text);
        await nextTurn();
      }
    }
  }

  /** The supervisor, the Ingresses and their certificates with their definitions, for a new viewer. */
  *#everything(): Generator<Frame> {
    const { actors, rootId, clock } = this.#options;
    const now = clock.now();
    yield rootFrame(rootId, now);
    for (const actor of actors.values()) {
      const snapshot = actor.getSnapshot();
      yield ingressFrame(snapshot, rootId, now);
      for (const child of Object.values(snapshot.children)) {
        if (child !== undefined && isShown(child)) yield actorFrame(child, rootId, now);
      }
    }
  }

  #send(text: string): void {
    for (const viewer of this.#viewers) {
      viewer.send(text);
      if (viewer.bufferedAmount > longestBacklog) viewer.terminate();
    }
  }

  #leave(viewer: WebSocket): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    this.#stopObserving?.();
    this.#stopObserving = undefined;
  }
}

/** Sends it, and waits until it is flushed or the viewer is gone. */
function delivered(viewer: WebSocket, text: string): Promise<void> {
  return new Promise((resolve) => {
    viewer.send(text, () => resolve());
  });
}
