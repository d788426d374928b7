import pino from 'pino';
import { createActor } from 'xstate';
import { presetLimits } from '../../machines/authority/known-cas.ts';
import type { SourceKey } from '../../machines/ownership/source-key.ts';
import type { AccountSecretStore } from '../../src/acme/account/account-secret.ts';
import { Announcer } from '../../src/actors/announcer.ts';
import { IngressActors } from '../../src/actors/ingress-actors.ts';
import { createIngressLogic } from '../../src/actors/ingress-logic.ts';
import { createSupervisorLogic } from '../../src/actors/supervisor-actor.ts';
import { CertificateAuthority } from '../../src/authority/certificate-authority.ts';
import { Draining } from '../../src/authority/draining.ts';
import { IssuedCertificates } from '../../src/certificate/issued-certificates.ts';
import { Vault } from '../../src/certificate/vault.ts';
import type { ChallengeSolver } from '../../src/challenges/challenge-solver.ts';
import { ChallengeSolvers } from '../../src/challenges/challenge-solvers.ts';
import { hostVerdict } from '../../src/challenges/http-01/self-check/host-verdict.ts';
import { SelfCheckMemory } from '../../src/challenges/http-01/self-check/self-check-memory.ts';
import { HostJournal } from '../../src/inspector/history/host-journal.ts';
import { HostProgressWriter } from '../../src/inspector/history/host-progress.ts';
import { OrderJournal } from '../../src/journal/order-journal.ts';
import type { SecretStore } from '../../src/kubernetes/records/secret-store.ts';
import type { IngressStanding } from '../../src/metrics/certificate-samples.ts';
import { HolderKeeper } from '../../src/ownership/holder-keeper.ts';
import { RenewalPolls } from '../../src/steps/renewal-polls.ts';
import { RenewalWatch } from '../../src/steps/renewal-watch.ts';
import { storedProofs } from '../../src/steps/stored-proofs.ts';
import type { Clock } from '../../src/time/clock.ts';
import { sleep } from '../../src/time/clock.ts';
import { SteadyClock } from '../../src/time/steady-clock.ts';
import { ownershipPolicy } from '../machines/builders.ts';
import { noRevocations } from '../revocation/no-revocations.ts';
import { noKeystores } from '../steps/no-keystores.ts';
import { noPlaceholders } from '../steps/no-placeholders.ts';
import { noTrial } from '../steps/no-trial.ts';
import type { Cluster } from './cluster.ts';
import type { Hosts } from './hosts.ts';
import type { Random } from './random.ts';
import { ObservedRounds, type RoundsWitness } from './rounds-observer.ts';
import { directoryUrl, type SimulatedCa } from './simulated-ca.ts';
import { StatusBoard } from './status-board.ts';
import { day } from './time-units.ts';
import { ProcessClock, type VirtualTime } from './virtual-time.ts';

export interface ProcessOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly cluster: Cluster;
  readonly hosts: Hosts;
  readonly ca: SimulatedCa;
  readonly accountSecret: AccountSecretStore;
  /** Milliseconds that the machine's clock is ahead. */
  readonly clockError: () => number;
  /** Milliseconds, `LEGO_CHECK_INTERVAL`. */
  readonly checkInterval: number;
  readonly witness: RoundsWitness & {
    troubled(trouble: string): void;
  };
}

/** Milliseconds of an API server that is not busy. */
const readTime = 2;
const writeTime = 8;
/** A host may take its time, or be asked again until it answers. */
const selfCheckTimes = [100, 8000] as const;

/**
 * kube-lego's one process, wired as src/controller.ts does it, with the true machines, supervisor, ledger, keeper, steps and order
 * flow. What stands in: the API server is a Map, the self-check asks the simulation's hosts, the challenge Ingress and Events
 * are left out, and the CA says how it is reached.
 */
export class ControllerProcess {
  readonly #options: ProcessOptions;
  readonly #clock: ProcessClock;
  readonly #death = new AbortController();
  readonly #supervisor: { start(): unknown; send(event: SupervisorInput): void };
  readonly #ca: CertificateAuthority;
  readonly #holders: HolderKeeper;
  readonly #orders: OrderJournal;
  readonly #actors: IngressActors;

  constructor(options: ProcessOptions) {
    this.#options = options;
    const { time, cluster, hosts, witness } = options;
    this.#clock = new ProcessClock(time, options.clockError);
    const clock = new SteadyClock(this.#clock);
    const ledgerStore = cluster.openLedger();
    const ca = new CertificateAuthority({
      draining: new Draining(),
      ...options.ca.connect(),
      directoryUrl,
      rateLimits: presetLimits(directoryUrl),
      profile: undefined,
      userAgent: 'kube-lego/simulation',
      accountSecret: options.accountSecret,
      ledgerStore: {
        read: async (signal) => {
          await sleep(clock, readTime, signal);
          return ledgerStore.read(signal);
        },
        write: async (shard, text, signal) => {
          await sleep(clock, writeTime, signal);
          await ledgerStore.write(shard, text, signal);
        },
      },
      clock,
      signal: this.#death.signal,
      log: pino(
        { level: 'warn' },
        {
          write: (line) => {
            // A clock that is wrong is what some scenarios are about.
            if (!line.includes('The local clock is')) witness.troubled(line);
          },
        },
      ),
      onReport: (report) => witness.reported(report),
      onRoomChanged: (change) => supervisor.send({ type: 'ROOM_CHANGED', change }),
    });
    const holderStore = cluster.holders.open();
    this.#holders = new HolderKeeper({
      store: {
        ...holderStore,
        write: async (shard, text, signal) => {
          await sleep(clock, writeTime, signal);
          await holderStore.write(shard, text, signal);
        },
      },
      clock,
      signal: this.#death.signal,
      onHolder: (hosts, holder) => supervisor.send({ type: 'HOSTS_PROVED', hosts, holder }),
      onTrouble: (trouble) => witness.troubled(String(trouble)),
    });
    const orderStore = cluster.orders.open();
    this.#orders = new OrderJournal({
      store: {
        ...orderStore,
        write: async (entries, signal) => {
          await sleep(clock, writeTime, signal);
          await orderStore.write(entries, signal);
        },
      },
      // Those of the model are no more than names.
      isPrivateKey: () => true,
      isWanted: () => true,
      isTimeKnown: () => true,
      clock,
      signal: this.#death.signal,
      onTrouble: (trouble) => witness.troubled(String(trouble)),
      onLetGo: () => undefined,
      onEnded: ({ id }) => this.#ca.settleOrder(id),
      recorded: () => Promise.all([this.#ca.counted(), this.#holders.recorded()]),
    });
    const vault = new Vault(options.ca.keyMaker());
    const issued = new IssuedCertificates(vault);
    const journal = new HostJournal(() => clock.now());
    const rounds = new ObservedRounds(
      (event) => supervisor.send(event),
      (id) => {
        journal.end(id);
        issued.release(id);
      },
      witness,
    );
    const selfChecks = new SelfCheckMemory(clock);
    const solver: ChallengeSolver = {
      type: 'http-01',
      async prepare({ hosts: routes }, signal) {
        await sleep(clock, writeTime, signal);
        return Promise.all(
          routes.map(async ({ host }) => {
            await sleep(clock, options.random.between(...selfCheckTimes), signal);
            const verdict = selfChecks.judge(host, hosts.verdict(host));
            return hostVerdict(host, verdict, { timeLimit: 30_000, classes: [] });
          }),
        );
      },
      present: () => Promise.resolve(),
      cleanUp: () => undefined,
      canJudge: () => false,
    };
    const announcer = new Announcer(
      { publish: ({ reason }) => cluster.countEvent(reason) },
      new StatusBoard(cluster, clock),
      pino({ level: 'silent' }),
    );
    const logic = createIngressLogic({
      rounds,
      clock,
      announcer,
      observer: new HostProgressWriter(journal),
      steps: {
        ca,
        account: ca.account,
        holders: this.#holders,
        journal: this.#orders,
        revocations: noRevocations,
        renewals: new RenewalPolls({
          watch: new RenewalWatch({
            ca,
            secrets: secretsOf(cluster, clock),
            clock,
            signal: this.#death.signal,
          }),
          clock,
          signal: this.#death.signal,
          isWanted: () => true,
          onNews: ({ namespace, secretName }) =>
            supervisor.send({ type: 'SECRET_CHANGED', namespace, secretName }),
          onTrouble: (trouble) => witness.troubled(String(trouble)),
        }),
        onPause: () => cluster.countEvent('PauseLink'),
        vault,
        issued,
        slots: rounds,
        solvers: new ChallengeSolvers([solver], () => solver),
        clock,
        onNotice: () => undefined,
        secrets: secretsOf(cluster, clock),
        trial: noTrial,
        keystores: noKeystores,
        placeholders: noPlaceholders,
        policy: { minimumValidity: 30 * day, directory: directoryUrl, staging: false },
        keyType: 'ec-p256',
        preferredChain: undefined,
      },
    });
    this.#actors = new IngressActors(logic);
    const supervisor = createActor(
      createSupervisorLogic({
        policy: {
          ownership: ownershipPolicy,
          admission: { hosts: 500, ordersInFlight: 10 },
          ingress: { checkInterval: options.checkInterval, minimumValidity: 30 * day },
        },
        budget: ca.budget,
        rounds,
        actors: this.#actors,
        clock,
        caClock: ca.clock,
        onStopped: (ingress) => announcer.forget(ingress),
        onPausesLifted: (hosts) => ca.liftPauses(hosts),
        onImportComplete: () => this.#holders.completeImport(),
        onActorError: (ingress, error) => witness.troubled(`The actor of ${ingress} died: ${String(error)}`),
      }),
      { id: 'supervisor' },
    );
    this.#supervisor = supervisor;
    this.#ca = ca;
  }

  start(): void {
    const { cluster, witness } = this.#options;
    const supervisor = this.#supervisor;
    supervisor.start();
    for (const ingress of cluster.ingresses.values()) {
      supervisor.send({ type: 'SOURCE_OBSERVED', source: ingress });
    }
    cluster.watcher = (event) => supervisor.send(event);
    supervisor.send({ type: 'SYNCED' });
    supervisor.send({ type: 'NAMESPACES_READ' });
    supervisor.send({ type: 'CLASSES_READ' });
    const journal = this.#orders.restore();
    const unrecorded = journal.then(() =>
      storedProofs(this.#orders.entries, {
        secrets: secretsOf(cluster, this.#clock),
        clock: this.#clock,
        signal: this.#death.signal,
        onTrouble: (error) => witness.troubled(String(error)),
      }),
    );
    void Promise.all([this.#holders.restore(), unrecorded]).then(
      ([holders, proofs]) => {
        for (const proof of proofs) this.#holders.recover(proof);
        supervisor.send({ type: 'HOLDERS_READ', holders, recordExisted: !this.#holders.importing });
      },
      () => undefined,
    );
    void Promise.all([this.#ca.restore(), journal]).then(
      () => {
        this.#ca.resumeOrders(this.#orders.entries);
        supervisor.send({ type: 'LEDGER_READ' });
      },
      () => undefined,
    );
  }

  /** What the metrics see of an Ingress, `namespace/name`. */
  standing(ingress: SourceKey): IngressStanding | undefined {
    return this.#actors.get(ingress)?.getSnapshot();
  }

  /** Ends it as a power cut does: nothing of it happens any more, and nothing is tidied up. */
  crash(): void {
    this.#clock.stop();
    this.#options.cluster.watcher = undefined;
  }
}

type SupervisorInput = Parameters<NonNullable<Cluster['watcher']>>[0];

function secretsOf(cluster: Cluster, clock: Clock) {
  return {
    read: async (namespace: string, name: string, signal: AbortSignal) => {
      await sleep(clock, readTime, signal);
      return cluster.read(namespace, name);
    },
    proveWritable: (...[, , , , signal]: ProofArguments) => sleep(clock, writeTime, signal),
    write: async (...[namespace, name, existing, certificate, signal]: WriteArguments) => {
      await sleep(clock, writeTime, signal);
      return cluster.write(namespace, name, existing, certificate);
    },
    annotate: async (...[namespace, name, judged, annotations, signal]: AnnotateArguments) => {
      await sleep(clock, writeTime, signal);
      return cluster.annotate(namespace, name, judged, annotations);
    },
  };
}

type AnnotateArguments = [...Parameters<Cluster['annotate']>, AbortSignal];
type ProofArguments = Parameters<SecretStore['proveWritable']>;
type WriteArguments = [...Parameters<Cluster['write']>, AbortSignal];
