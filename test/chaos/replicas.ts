import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { World } from '../../deploy/local/world.ts';
import { eventually } from '../time/eventually.ts';
import { Replica } from './replica.ts';

/** Milliseconds between two probes. */
const probeInterval = 200;
/** Milliseconds that a start or a takeover may take on a busy machine, besides the Lease's. */
const patience = 120_000;

/**
 * The processes of a Deployment with several replicas, and the Service in front of their responders: it leads to all that answered their
 * last probe, ready or not. One that stands still would be ended by its liveness probe.
 */
export class Replicas implements AsyncDisposable {
  readonly #world: World;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #running = new Set<Replica>();
  readonly #service: Server;
  readonly #connections = new Set<Socket>();
  readonly #ended = new AbortController();
  #endpoints: readonly Replica[] = [];
  #started = 0;

  private constructor(world: World, environment: Readonly<Record<string, string>>, service: Server) {
    this.#world = world;
    this.#environment = environment;
    this.#service = service;
    service.on('connection', (socket) => this.#route(socket));
    void this.#probe();
  }

  /** @param environment of each of them, besides that of the world */
  static async start(world: World, environment: Readonly<Record<string, string>>): Promise<Replicas> {
    const service = createServer();
    service.listen((await world.releasePorts()).responder);
    await once(service, 'listening');
    return new Replicas(world, environment, service);
  }

  /** Starts another one, and does not wait for it. */
  async add(environment: Readonly<Record<string, string>> = {}): Promise<Replica> {
    this.#started += 1;
    const replica = await Replica.start(this.#world, this.#started, { ...this.#environment, ...environment });
    this.#running.add(replica);
    return replica;
  }

  /** Ends it, if it has not ended by itself. */
  async remove(replica: Replica): Promise<void> {
    this.#running.delete(replica);
    this.#endpoints = this.#endpoints.filter((endpoint) => endpoint !== replica);
    await replica[Symbol.asyncDispose]();
  }

  /** Waits until one of these leads and is ready; returns it. */
  async untilLed(...candidates: readonly Replica[]): Promise<Replica> {
    let leader: Replica | undefined;
    await eventually(
      `one of ${candidates.map(({ name }) => name).join(', ')} leads and is ready`,
      async () => {
        for (const candidate of candidates) {
          if ((await candidate.leads()) && (await candidate.ready())) leader = candidate;
        }
        return leader !== undefined;
      },
      patience,
    );
    if (leader === undefined) throw new Error('nobody leads');
    return leader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    this.#service.close();
    for (const socket of this.#connections) socket.destroy();
    await Promise.all(Array.from(this.#running, (replica) => this.remove(replica)));
  }

  /** Waits until the Service leads to all of these. */
  async untilServed(...replicas: readonly Replica[]): Promise<void> {
    const names = replicas.map(({ name }) => name).join(', ');
    const areServed = (): boolean => replicas.every((replica) => this.#endpoints.includes(replica));
    await eventually(`the Service leads to ${names}`, areServed, patience);
  }

  #route(socket: Socket): void {
    this.#keep(socket);
    this.#connect(socket, new Set(), []);
  }

  /**
   * As ingress controllers do: an endpoint that refuses the connection, or breaks it before it answers, is not the last one that is tried.
   * @param tried for what the client has sent since the last answer
   * @param unanswered which is this
   */
  #connect(socket: Socket, tried: ReadonlySet<Replica>, unanswered: Buffer[]): void {
    const left = this.#endpoints.filter((candidate) => !tried.has(candidate));
    const endpoint = left[Math.floor(Math.random() * left.length)];
    if (endpoint === undefined) {
      socket.destroy();
      return;
    }
    const backend = connect(endpoint.ports.responder, '127.0.0.1');
    this.#keep(backend);
    const pass = (chunk: Buffer): void => {
      unanswered.push(chunk);
      backend.write(chunk);
    };
    for (const chunk of unanswered) backend.write(chunk);
    let answers = false;
    backend.on('data', (chunk: Buffer) => {
      answers = true;
      unanswered.length = 0;
      socket.write(chunk);
    });
    const leave = (): void => void backend.destroy();
    socket.on('data', pass);
    socket.once('close', leave);
    backend.once('close', () => {
      socket.off('data', pass);
      socket.off('close', leave);
      if (socket.destroyed) return;
      if (answers && unanswered.length === 0) socket.end();
      else this.#connect(socket, new Set([...(answers ? [] : tried), endpoint]), unanswered);
    });
  }

  #keep(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#connections.delete(socket));
  }

  async #probe(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const probed = await Promise.all(
        Array.from(this.#running, async (replica) => ({ replica, answers: await replica.answers() })),
      );
      this.#endpoints = probed
        .filter(({ replica, answers }) => answers && this.#running.has(replica))
        .map(({ replica }) => replica);
      await pause(probeInterval);
    }
  }
}
