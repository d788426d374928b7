import { newAccountData } from '../../src/acme/account-secret.ts';
import { MemoryStore } from '../acme/memory-store.ts';
import { SimulatedCa } from './ca.ts';
import { directoryUrl } from './ca-client.ts';
import type { CaLimit } from './ca-limits.ts';
import { Cluster } from './cluster.ts';
import { ControllerProcess } from './controller-process.ts';
import { Hosts } from './hosts.ts';
import { Random } from './random.ts';
import { day, second } from './time-units.ts';
import { VirtualTime } from './virtual-time.ts';
import { Witness } from './witness.ts';

export interface WorldOptions {
  readonly seed: number;
  /** How many refusals by this limit may be met for one scope. */
  readonly refusalsAllowed?: (limit: CaLimit) => number;
  /** Milliseconds; the longer, the faster the simulation: nobody tampers with these Secrets unseen. */
  readonly checkInterval?: number;
  /** Milliseconds for which the CA's answer holds on when to renew a certificate; undefined: it does not say. */
  readonly renewalInfoPeriod?: number;
}

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

  private constructor(options: WorldOptions, accountSecret: MemoryStore) {
    const { seed, refusalsAllowed = () => 0, checkInterval = 30 * day, renewalInfoPeriod } = options;
    const { time, cluster, hosts } = this;
    this.#accountSecret = accountSecret;
    this.#checkInterval = checkInterval;
    this.random = new Random(seed);
    this.witness = new Witness({
      time,
      cluster,
      hosts,
      ca: () => this.ca,
      standing: (ingress) => this.#process?.standing(ingress),
      refusalsAllowed,
    });
    this.ca = new SimulatedCa({ time, random: this.random, hosts, witness: this.witness, renewalInfoPeriod });
    cluster.onStored = (secret, certificate) => this.witness.stored(secret, certificate);
  }

  static async create(options: WorldOptions): Promise<World> {
    const { 'tls.key': key = Buffer.alloc(0) } = await newAccountData();
    const accountSecret = new MemoryStore({
      'tls.key': key.toString(),
      'acme-registration-url': 'https://acme-v02.api.letsencrypt.org/acme/acct/1',
      'acme-directory-url': directoryUrl,
    });
    return new World(options, accountSecret);
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
