import { newAccountData } from '../../src/acme/account/account-secret.ts';
import { loadSignedExchange } from '../../src/acme/protocol/load-signed-exchange.ts';
import { MemoryStore } from '../acme/memory-store.ts';
import { ModelCa } from './ca.ts';
import { Cluster } from './cluster.ts';
import { ControllerProcess } from './controller-process.ts';
import { Hosts } from './hosts.ts';
import { Random } from './random.ts';
import { type CaLimit, directoryUrl, type SimulatedCa } from './simulated-ca.ts';
import { StrictCa } from './strict-ca.ts';
import { day, hour, second } from './time-units.ts';
import { VirtualTime } from './virtual-time.ts';
import { Witness } from './witness.ts';

/** `model`: certificates.ts stands in for certificates. `strict`: they are real (see stand-ins.ts for both). */
export type CaKind = 'model' | 'strict';

export interface WorldOptions {
  readonly seed: number;
  readonly ca: CaKind;
  /** How many refusals by this limit may be met for one scope. */
  readonly refusalsAllowed?: (limit: CaLimit) => number;
  /** Milliseconds; the longer, the faster the simulation: checks that find nothing are left out. */
  readonly checkInterval?: number;
  /** Milliseconds for which the CA's answer holds on when to renew a certificate; undefined: it does not say. */
  readonly renewalInfoPeriod?: number;
}

/** `LEGO_CHECK_INTERVAL`, milliseconds. */
const defaultCheckInterval = 8 * hour;
/** When every simulation begins. */
const start = Date.UTC(2026, 10, 2);

/** A cluster, a CA and the internet between them, with one kube-lego. */
export class World {
  readonly random: Random;
  readonly time = new VirtualTime(start);
  readonly cluster = new Cluster();
  readonly hosts = new Hosts(this.time);
  readonly witness: Witness;
  readonly ca: SimulatedCa;
  /** Milliseconds that the clock of kube-lego's machine is ahead. */
  clockError = 0;
  restarts = 0;
  readonly #accountSecret: MemoryStore;
  readonly #checkInterval: number;
  #process: ControllerProcess | undefined;

  private constructor(options: WorldOptions, accountKey: string) {
    const { seed, refusalsAllowed = () => 0, checkInterval = 30 * day, renewalInfoPeriod } = options;
    const { time, cluster, hosts } = this;
    this.#checkInterval = checkInterval;
    this.random = new Random(seed);
    this.witness = new Witness({
      time,
      cluster,
      hosts,
      ca: () => this.ca,
      standing: (source) => this.#process?.standing(source),
      refusalsAllowed,
    });
    const { random, witness } = this;
    const Ca = options.ca === 'strict' ? StrictCa : ModelCa;
    this.ca = new Ca({ time, random, hosts, witness, accountKey, renewalInfoPeriod });
    this.#accountSecret = new MemoryStore({
      'tls.key': accountKey,
      'acme-registration-url': this.ca.accountUrl,
      'acme-directory-url': directoryUrl,
    });
    cluster.onStored = (secret, certificate) => this.witness.stored(secret, certificate);
  }

  static async create(options: WorldOptions): Promise<World> {
    // It comes from the disk, and that has a turn once a simulated day.
    if (options.ca === 'strict') await loadSignedExchange();
    const { 'tls.key': key = Buffer.alloc(0) } = await newAccountData();
    return new World(options, key.toString());
  }

  startProcess(): void {
    const process = new ControllerProcess({
      time: this.time,
      random: this.random,
      cluster: this.cluster,
      hosts: this.hosts,
      ca: this.ca,
      accountSecret: this.#accountSecret,
      clockError: () => this.clockError,
      checkInterval: this.#checkInterval,
      witness: this.witness,
    });
    this.#process = process;
    process.start();
  }

  /** Somebody deletes a Secret (`namespace/name`). The check that finds it comes as by default, though others are left out. */
  loseSecret(key: string): void {
    const { cluster, random, time } = this;
    const [namespace = '', secretName = ''] = key.split('/');
    cluster.deleteSecret(key);
    time.after(random.between(0, defaultCheckInterval), () =>
      cluster.watcher?.({ type: 'SECRET_CHANGED', namespace, secretName }),
    );
  }

  /** The process dies; another one is there after a while. Nothing happens while there is none. */
  restartProcess(pause: number = 20 * second): void {
    if (this.#process === undefined) return;
    this.#process.crash();
    this.#process = undefined;
    this.witness.processEnded();
    this.restarts += 1;
    this.time.after(pause, () => this.startProcess());
  }
}
