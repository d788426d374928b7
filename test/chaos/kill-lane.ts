import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { certificateId } from '../../src/certificate/certificate-id.ts';
import type { CaAnswer, CaRequest } from '../ca/exchange.ts';
import { ingress, secret, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { StrictCa } from '../controller-failures/strict-ca.ts';
import { eventually } from '../time/eventually.ts';
import { Bystanders } from './bystanders.ts';
import { DnsProviders, isDnsScenario, type ServiceCall, zones } from './dns-providers.ts';
import { KillJudge, type Outcome, type Revived, type Run } from './kill-judge.ts';
import type { Point, Scenario } from './kill-points.ts';
import { recordOf, type Step, Steps, type Subject } from './kill-steps.ts';
import { Trap } from './kill-trap.ts';
import type { Replica } from './replica.ts';
import { Replicas } from './replicas.ts';

const wrongClock = fileURLToPath(new URL('wrong-clock.mjs', import.meta.url));
const namespace = 'shop';
const account = 'kube-lego/kube-lego-account';
const leaseDuration = 5; // seconds
/** Milliseconds that a certificate may take: the CA looks for a proof for up to a minute, and the next order is made a minute later. */
const patience = 180_000;
/** Milliseconds after the certificate for requests that come after it, most of them at once. */
const sequel = 4_000;
/** Milliseconds, of what an issuance leaves behind for up to 20 s. */
const tail = 60_000;
/** Milliseconds, of values in the DNS, which the next process removes two minutes after it has begun to lead. */
const longestTail = 200_000;
/** Milliseconds in which a process that stood still finds out that it leads no longer. */
const afterthought = 3_000;
const day = 24 * 3_600_000; // milliseconds

/**
 * A cluster with two replicas of kube-lego and a CA, in which the leader is killed at one point after the other: the follower goes on,
 * and leads the next point, with another one as its follower.
 */
export class Lane implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #ca: StrictCa;
  readonly #providers: DnsProviders;
  readonly #replicas: Replicas;
  readonly #judge: KillJudge;
  readonly #clocks: readonly number[];
  #added = 0;
  /** To be judged. */
  #runs: readonly Run[] = [];
  readonly #subjects: Subject[] = [];
  #alive: readonly Replica[] = [];
  #trap: Trap<Replica> | undefined;

  private constructor(
    parts: {
      readonly stage: Stage;
      readonly ca: StrictCa;
      readonly providers: DnsProviders;
      readonly replicas: Replicas;
      readonly judge: KillJudge;
    },
    clocks: readonly number[],
  ) {
    this.#stage = parts.stage;
    this.#ca = parts.ca;
    this.#providers = parts.providers;
    this.#replicas = parts.replicas;
    this.#judge = parts.judge;
    this.#clocks = clocks;
  }

  /**
   * @param reusing whether the CA answers a second order for a set with the first one
   * @param clocks hours by which the clocks of the replicas are ahead, in turn
   */
  static async start(reusing: boolean, clocks: readonly number[] = [0]): Promise<Lane> {
    const stage = await startStage({ namespaces: [namespace], zones: Object.values(zones) });
    try {
      const { zoneServer } = stage.world;
      const providers = await DnsProviders.start(stage, namespace);
      const bystanders = await Bystanders.create(stage, namespace);
      // The CA is there before it.
      const made: { lane?: Lane } = {};
      const ca = await StrictCa.start(stage, {
        orderReuse: reusing,
        // Longer than a request takes: the order is seen in processing.
        issuanceTime: () => 300,
        validateDns: (host, keyAuthorization) => {
          const value = createHash('sha256').update(keyAuthorization).digest('base64url');
          return Promise.resolve(providers.proofs(recordOf(host)).includes(value) ? 'ok' : 'wrong-answer');
        },
        around: (request, handle) => made.lane?.aroundCa(request, handle) ?? handle(),
      });
      const bundle = join(stage.world.session.directory, 'ca-and-dns-service.pem');
      await writeFile(bundle, `${ca.server.caBundle}\n${providers.caPem}`);
      const environment = {
        ...ca.environment,
        LEGO_CA_BUNDLE: bundle,
        LEGO_LEASE_DURATION: `${leaseDuration}s`,
        // So that there is a ledger. After a crash, what was written ahead counts as used.
        LEGO_RATE_LIMITS: '{"orders-per-account": {"burst": 100000, "period": "3h"}}',
      };
      const replicas = await Replicas.start(stage.world, environment);
      const judge = new KillJudge({ stage, ca, bystanders, reusing });
      const lane = new Lane({ stage, ca, providers, replicas, judge }, clocks);
      made.lane = lane;
      providers.aroundCall = (call, handle) => lane.#aroundCall(call, handle);
      zoneServer.aroundUpdate = ({ changes }, handle) =>
        lane.#trap?.dnsUpdate(changes, handle) ?? Promise.resolve(handle());
      await lane.#pair();
      await lane.#warmUp();
      return lane;
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replicas[Symbol.asyncDispose]();
    await this.#providers[Symbol.asyncDispose]();
    await this.#ca[Symbol.asyncDispose]();
    await this.#stage.stop();
  }

  /** The account is registered, and all documents of kube-lego are there. */
  async #warmUp(): Promise<void> {
    const { subject } = await this.#begin('issuance', undefined);
    await this.#untilStored(subject, undefined);
    this.#trap = undefined;
  }

  /** For `CaServerOptions.around`. */
  aroundCa(request: CaRequest, handle: () => Promise<CaAnswer>): Promise<CaAnswer> {
    this.#judge.called({ source: request.source, path: new URL(request.url).pathname, at: Date.now() });
    const from = this.#alive.find(({ address }) => address === request.source);
    const trap = this.#trap;
    return from === undefined || trap === undefined ? handle() : trap.caRequest(from, request, handle);
  }

  async #aroundCall(call: ServiceCall, handle: () => void): Promise<boolean> {
    const from = this.#alive.find(({ address }) => address === call.source);
    const trap = this.#trap;
    if (from !== undefined && trap !== undefined) return trap.dnsCall(from, call, handle);
    handle();
    return true;
  }

  /** The requests of an issuance that nobody disturbs, in their order, with the removal of what it leaves behind. */
  async record(scenario: Scenario): Promise<readonly Step[]> {
    const { subject, trap, old } = await this.#begin(scenario, undefined);
    await this.#untilStored(subject, old);
    const removals = [isDnsScenario(scenario) ? 'dns-value-removal' : 'rule-removal', 'entry-removal'];
    const isOver = (): boolean => removals.every((name) => trap.seen.some((step) => step.name === name));
    await eventually('its leftovers are removed', isOver, tail);
    this.#trap = undefined;
    return trap.seen;
  }

  /** Kills the leader at this point, and waits until its follower has brought the certificate and leads. */
  async run(point: Point): Promise<void> {
    const { subject, trap, old, begun } = await this.#begin(point.scenario, point);
    const stored = this.#untilStored(subject, old).then(() => performance.now());
    // Awaited below.
    stored.catch(() => undefined);
    const wait = new AbortController();
    const missed = stored
      .catch(() => undefined)
      .then(() => pause(point.step.endsWith('-removal') ? tail : sequel, undefined, { signal: wait.signal }))
      .then(() => undefined);
    missed.catch(() => undefined);
    const victim = await Promise.race([trap.sprung, missed]);
    wait.abort();
    let mostOrders = 1;
    let revived: Revived | undefined;
    if (victim !== undefined) {
      if (await this.#judge.mayOrderAgain(subject, point)) mostOrders = 2;
      this.#alive = this.#alive.filter((replica) => replica !== victim);
      await this.#pair();
      if (point.moment === 'held') revived = await this.#revive(victim, trap);
      else await trap.takenOver();
      await this.#replicas.remove(victim);
    }
    const seconds = ((await stored.catch(() => Number.POSITIVE_INFINITY)) - begun) / 1000;
    this.#trap = undefined;
    const run = { point, subject, reached: victim !== undefined, seconds, mostOrders, revived };
    this.#runs = [...this.#runs, run];
  }

  /** Waits until nothing is left behind, and judges what has been run since the last time. */
  async outcomes(): Promise<readonly Outcome[]> {
    const begun = performance.now();
    let left = await this.#judge.leftBehind(this.#subjects);
    while (left.size > 0 && performance.now() - begun < longestTail) {
      await pause(1000);
      left = await this.#judge.leftBehind(this.#subjects);
    }
    const outcomes: Outcome[] = [];
    for (const run of this.#runs) outcomes.push(await this.#judge.judge(run, left));
    this.#runs = [];
    return outcomes;
  }

  /** What has been done to others, and what kube-lego was denied, since the start. */
  faults(): Promise<readonly string[]> {
    return this.#judge.faults(this.#subjects);
  }

  /** The last lines of the processes that have run, for a failure that needs an explanation. */
  async logs(): Promise<string> {
    const texts = this.#alive.map(async ({ process }) => (await readFile(process.log, 'utf8')).slice(-8000));
    return (await Promise.all(texts)).join('\n');
  }

  /** Lets the process go on that stood still, with the answer that it waits for. */
  async #revive(replica: Replica, trap: Trap<Replica>): Promise<Revived> {
    await trap.takenOver();
    // The answer is in its socket before it goes on.
    await pause(50);
    const at = Date.now();
    replica.resume();
    await Promise.race([replica.process.exited, pause(afterthought)]);
    return { replica, at, leads: await replica.leads() };
  }

  /** Two replicas, one of which leads and the other one waits. */
  async #pair(): Promise<void> {
    // On a busy machine a leader may fail to renew its Lease in time, and end.
    const ended = this.#alive.filter(({ hasEnded }) => hasEnded);
    this.#alive = this.#alive.filter(({ hasEnded }) => !hasEnded);
    await Promise.all(ended.map((replica) => this.#replicas.remove(replica)));
    while (this.#alive.length < 2) {
      const hours = this.#clocks[this.#added % this.#clocks.length] ?? 0;
      this.#added += 1;
      const replica = await this.#replicas.add(hours === 0 ? {} : aheadBy(hours));
      replica.apiServer.interfere = (passage) => this.#trap?.apiRequest(replica, passage);
      this.#alive = [...this.#alive, replica];
      // It is in no hurry, and the first one leads the sooner.
      if (this.#alive.length === 1) await this.#replicas.untilLed(replica);
    }
    await this.#replicas.untilLed(...this.#alive);
  }

  async #begin(scenario: Scenario, point: Point | undefined) {
    const name = `${scenario}-${this.#subjects.length}`;
    const isByDns = isDnsScenario(scenario);
    const host = isByDns ? `*.${name}.${zones[scenario]}` : `${name}.example.com`;
    const subject: Subject = { namespace, ingress: name, secret: `${name}-tls`, host };
    this.#subjects.push(subject);
    if (isByDns) {
      await this.#providers.prepare(scenario);
      this.#providers.prepareRecord(scenario, recordOf(host));
    }
    const old = scenario === 'renewal' ? await this.#storeOld(subject) : undefined;
    const isOwn = (id: string): boolean => id === old || this.#judge.issued(subject).includes(id);
    const trap = new Trap<Replica>(new Steps(subject), point, isOwn);
    if (scenario === 'first') await this.#forgetAccount();
    this.#trap = trap;
    await this.#pair();
    // With one of two replicas there is nobody who answers the CA when it is killed.
    await this.#replicas.untilServed(...this.#alive);
    const begun = performance.now();
    await this.#stage.apply(ingress(`${namespace}/${name}`, { tls: { [subject.secret]: [subject.host] } }));
    return { subject, trap, old, begun };
  }

  /** As before the first start. */
  async #forgetAccount(): Promise<void> {
    const gone = this.#alive;
    this.#alive = [];
    await Promise.all(gone.map((replica) => this.#replicas.remove(replica)));
    await this.#stage.world.api.request(secretPath(account), { method: 'DELETE' });
  }

  /** A certificate of the account that is to be renewed at once. @returns its id */
  async #storeOld({ secret: name, host }: Subject): Promise<string | undefined> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { ca } = this.#ca.server;
    const { last } = ca.accounts;
    if (last === undefined) throw new Error('no account is registered');
    const subscription = {
      account: last,
      identifiers: [{ type: 'dns' as const, value: host }],
      profile: 'classic',
    };
    const der = publicKey.export({ type: 'spki', format: 'der' });
    const chain = ca.issuedBefore(subscription, der, Date.now() - 80 * day);
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const metadata = {
      labels: { 'app.kubernetes.io/managed-by': 'kube-lego' },
      annotations: { 'kube-lego.io/directory': ca.directoryUrl, 'kube-lego.io/issued-profile': '' },
    };
    await this.#stage.apply(
      secret(`${namespace}/${name}`, { 'tls.crt': chain, 'tls.key': key }, { metadata }),
    );
    return certificateId(new X509Certificate(chain));
  }

  async #untilStored(subject: Subject, old: string | undefined): Promise<void> {
    await eventually(
      `Secret ${subject.secret} has its certificate`,
      async () => {
        const id = await this.#judge.stored(subject);
        return id !== undefined && id !== old;
      },
      patience,
    );
  }
}

/** Variables that set the clock of a process. */
function aheadBy(hours: number): Record<string, string> {
  return { NODE_OPTIONS: `--import=${wrongClock}`, WRONG_CLOCK_HOURS: String(hours) };
}
