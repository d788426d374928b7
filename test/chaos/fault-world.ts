import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { AuditRecord } from '../../deploy/local/audit-log.ts';
import type { Cluster } from '../../deploy/local/cluster.ts';
import { certificateId } from '../../src/certificate/certificate-id.ts';
import { recordField } from '../../src/process/json.ts';
import type { CaAnswer, CaRequest } from '../ca/exchange.ts';
import type { CaServerOptions } from '../ca/server.ts';
import { controllerRequests } from '../controller-failures/controller-requests.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { StrictCa } from '../controller-failures/strict-ca.ts';
import { RetryAfters } from '../simulation/retry-afters.ts';
import { resourceOf } from '../simulation/strict-ca.ts';
import { Bystanders } from './bystanders.ts';
import { FaultyWatch } from './fault-watch.ts';
import { isWatch, type Refused, requestOf, type Weather } from './fault-weather.ts';
import type { Replica } from './replica.ts';
import { Replicas } from './replicas.ts';

export interface FaultWorldOptions {
  readonly weather: Weather;
  /** A cluster of its own, whose API server can be stopped; a borrowed one if not given. */
  readonly cluster?: Cluster | undefined;
  /** Seconds. */
  readonly leaseDuration: number;
  /** Of each replica. @param directory for files, until the end */
  readonly environment?: (directory: string) => Readonly<Record<string, string>>;
  readonly ca?: Partial<CaServerOptions>;
}

export const namespace = 'shop';
const journal = 'kube-lego/kube-lego-journal-0';
/** Milliseconds: two clocks, one of which rounds. */
const tolerance = 50;
/** Milliseconds after an answer: what comes until then may have been sent before it was heard, on a busy machine. */
const onItsWay = 3000;

/** Kept alive by its Deployment, and behind the faults. */
interface Pod {
  replica: Replica;
  /** Nothing that it sends about the Lease reaches the API server. */
  isCutOff: boolean;
}

/**
 * Two replicas of kube-lego that are started again when they end, a real API server and a CA that counts, with faults before both. What
 * is judged comes from the API server's audit log and the CA.
 */
export class FaultWorld implements AsyncDisposable {
  readonly stage: Stage;
  readonly ca: StrictCa;
  readonly weather: Weather;
  readonly #bystanders: Bystanders;
  readonly #replicas: Replicas;
  readonly #pods: Pod[] = [];
  readonly #watching: Watching;
  readonly #told: RetryAfters = new RetryAfters();
  #isOver = false;
  #restarts = 0;

  private constructor(
    parts: Pick<FaultWorld, 'stage' | 'ca' | 'weather'> & {
      readonly bystanders: Bystanders;
      readonly replicas: Replicas;
      readonly watching: Watching;
    },
  ) {
    this.stage = parts.stage;
    this.ca = parts.ca;
    this.weather = parts.weather;
    this.#bystanders = parts.bystanders;
    this.#replicas = parts.replicas;
    this.#watching = parts.watching;
  }

  static async start(options: FaultWorldOptions): Promise<FaultWorld> {
    const { cluster, environment, leaseDuration, weather } = options;
    const stage = await startStage({
      namespaces: [namespace],
      ...(cluster === undefined ? {} : { cluster }),
    });
    try {
      const bystanders = await Bystanders.create(stage, namespace);
      const watching = new Watching(weather);
      const ca = await StrictCa.start(stage, {
        issuanceTime: () => weather.below(1500),
        ...options.ca,
        around: (request, handle) => watching.around(request, handle),
      });
      ca.server.ca.faults.script('all', () => weather.ca());
      const replicas = await Replicas.start(stage.world, {
        ...ca.environment,
        ...environment?.(stage.world.session.directory),
        LEGO_LEASE_DURATION: `${leaseDuration}s`,
      });
      const world = new FaultWorld({ stage, ca, weather, bystanders, replicas, watching });
      await world.#addPod();
      await world.#addPod();
      return world;
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  /** How often a replica has ended by itself, or was ended, and started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Processes that run now. */
  get replicas(): readonly Replica[] {
    return this.#pods.map(({ replica }) => replica);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#replicas[Symbol.asyncDispose]();
    await this.ca[Symbol.asyncDispose]();
    await this.stage.stop();
  }

  /** The one that leads, as it says itself. */
  async leader(): Promise<Replica | undefined> {
    for (const { replica } of this.#pods) if (await replica.leads()) return replica;
    return undefined;
  }

  /**
   * What a replica sends about the Lease gets lost while the work goes on. All else still reaches the API server: that it writes no more
   * is up to the replica.
   */
  async cutOff(replica: Replica, work: () => Promise<void>): Promise<void> {
    const pod = this.#pods.find((each) => each.replica === replica);
    if (pod === undefined) throw new Error(`${replica.name} has ended`);
    pod.isCutOff = true;
    await work();
    if (pod.replica === replica) pod.isCutOff = false;
  }

  /** What has been asked before the end of a Retry-After. */
  get early(): readonly string[] {
    return [...this.#watching.early];
  }

  /** Certificates that the CA has issued for these hosts. */
  issued(host: string): { readonly id: string; readonly at: number; readonly notAfter: number }[] {
    return this.ca.events.flatMap((event) =>
      event.type === 'issued' && event.identifiers.some(({ value }) => value === host)
        ? [{ id: event.certificateId, at: event.at, notAfter: event.notAfter }]
        : [],
    );
  }

  /** Orders that the CA has made for this host, besides those that it has given out again. */
  ordered(host: string): number {
    return this.ca.events.filter(
      (event) =>
        event.type === 'order-made' && !event.reused && event.identifiers.some(({ value }) => value === host),
    ).length;
  }

  /** How often the CA could not validate this host, which takes another order. */
  failedProofs(host: string): number {
    return this.ca.events.filter((event) => event.type === 'proof-failed' && event.identifier === host)
      .length;
  }

  /** The certificate in the Secret. */
  async stored(secretName: string): Promise<{ readonly id: string } | undefined> {
    const data = await this.stage.secret(`${namespace}/${secretName}`);
    const pem = data?.['tls.crt'];
    if (pem === undefined || pem === '') return undefined;
    return { id: certificateId(new X509Certificate(pem)) ?? '' };
  }

  /** What is left behind: rules for challenges, entries of the journal. */
  async leftovers(): Promise<string[]> {
    const entries = Object.keys((await this.stage.secret(journal)) ?? {});
    const rules = await this.stage.object(
      '/apis/networking.k8s.io/v1/namespaces/kube-lego/ingresses/kube-lego-edge',
    );
    const plain = await this.stage.object(
      '/apis/networking.k8s.io/v1/namespaces/kube-lego/ingresses/kube-lego',
    );
    return [
      ...entries.map((entry) => `the entry ${entry} of the journal`),
      ...[rules, plain].flatMap((rule) =>
        rule === undefined ? [] : [`a challenge Ingress: ${JSON.stringify(recordField(rule, 'spec'))}`],
      ),
    ];
  }

  /** What has been done to the objects of others. @param isMeant of the objects that were created meanwhile */
  async foreignFaults(isMeant: (key: string) => boolean): Promise<string[]> {
    return this.#bystanders.faults(isMeant);
  }

  /** The writes of a replica, dry runs apart, by the API server's audit log. */
  async writesOf({ name }: Replica): Promise<AuditRecord[]> {
    const records = await controllerRequests(this.stage.world.cluster.auditLog);
    return records.filter(
      ({ dryRun, id, verb }) =>
        id.startsWith(`${name}.`) && !dryRun && !['get', 'list', 'watch'].includes(verb),
    );
  }

  /** Ends a replica. @param how `kill`: SIGKILL */
  async end(replica: Replica, how: 'stop' | 'kill'): Promise<void> {
    if (how === 'kill') replica.kill();
    else await replica.process.stop();
  }

  /** The last lines of what the replicas have logged. */
  async logs(): Promise<string> {
    const texts = this.replicas.map(async ({ name, process }) => {
      return `${name}\n${(await readFile(process.log, 'utf8')).slice(-6000)}`;
    });
    return (await Promise.all(texts)).join('\n');
  }

  async #addPod(): Promise<void> {
    const pod: Pod = { replica: await this.#replica(), isCutOff: false };
    this.#pods.push(pod);
    this.#interfere(pod);
    void this.#keepAlive(pod);
  }

  /** However long it takes: without an API server nobody gets a token. */
  async #replica(): Promise<Replica> {
    for (;;) {
      try {
        return await this.#replicas.add();
      } catch (error) {
        if (this.#isOver) throw error;
        await pause(1000);
      }
    }
  }

  /** As the kubelet does. */
  async #keepAlive(pod: Pod): Promise<void> {
    for (;;) {
      const { replica } = pod;
      await replica.process.exited;
      if (this.#isOver) return;
      this.#restarts += 1;
      await this.#replicas.remove(replica);
      if (this.#isOver) return;
      const next = await this.#replica().catch(() => undefined);
      if (next === undefined) return;
      pod.replica = next;
      pod.isCutOff = false;
      this.#interfere(pod);
    }
  }

  #interfere(pod: Pod): void {
    const { apiServer, name } = pod.replica;
    const faults = this.weather.apiServer(({ request, at, until }: Refused) =>
      this.#told.close(`${name} ${request}`, at, until, at + onItsWay),
    );
    apiServer.interfere = (passage) => {
      if (pod.isCutOff && passage.path.includes('/leases')) return new Promise(() => undefined);
      const early = this.#told.earlyBy(`${name} ${requestOf(passage)}`, Date.now());
      if (early !== undefined && early > tolerance) {
        this.#watching.early.push(`${name}: ${passage.method} ${passage.path} ${early} ms too early`);
      }
      return faults(passage);
    };
    apiServer.reshape = (passage) => (isWatch(passage) ? new FaultyWatch(this.weather.watch()) : undefined);
  }
}

/** What the CA sees. */
class Watching {
  readonly early: string[] = [];
  readonly #weather: Weather;
  readonly #closed = new RetryAfters();

  constructor(weather: Weather) {
    this.#weather = weather;
  }

  async around({ method, url, ...request }: CaRequest, handle: () => Promise<CaAnswer>): Promise<CaAnswer> {
    // Another process cannot know what this one was told.
    const scope = `${request.source}: ${resourceOf(url)}`;
    const early = this.#closed.earlyBy(scope, Date.now());
    if (early !== undefined && early > tolerance) this.early.push(`${method} ${scope} ${early} ms too early`);
    await this.#weather.caDelay({ method, url, ...request });
    const answer = await handle();
    const wait = Number(answer.headers['retry-after']);
    if (answer.broken === undefined && wait > 0) {
      const at = Date.now();
      this.#closed.close(scope, at, at + 1000 * wait, at + onItsWay);
    }
    return answer;
  }
}
