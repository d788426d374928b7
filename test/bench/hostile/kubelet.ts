import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** The time limit of a liveness probe in deploy/base. */
const patience = 5000;
const interval = 100;
/** Milliseconds, where the time limit is one of CPU: on a busy machine any process may stand still for a while. */
const longestWait = 60_000;

/** Asks for /healthz ten times a second, each time over a new connection, from the first answer on. */
export class Kubelet {
  asked = 0;
  failed = 0;
  /** Milliseconds to the slowest answer. */
  slowest = 0;
  /** When the first answer came, in milliseconds since the epoch. */
  firstAt = Number.POSITIVE_INFINITY;
  readonly #port: number;
  readonly #cpuSeconds: (() => Promise<number>) | undefined;
  readonly #working: Promise<void>;
  #leaving = false;

  /** @param cpuSeconds that the process has used: with it a probe fails by what the process computes meanwhile, not by the clock */
  constructor(port: number, cpuSeconds?: () => Promise<number>) {
    this.#port = port;
    this.#cpuSeconds = cpuSeconds;
    this.#working = this.#work();
  }

  async leave(): Promise<void> {
    this.#leaving = true;
    await this.#working;
  }

  async #work(): Promise<void> {
    while (!this.#leaving) {
      const sentAt = performance.now();
      const isGood = await this.#probeInTime();
      if (isGood) this.firstAt = Math.min(this.firstAt, Date.now());
      if (this.firstAt <= Date.now() && !this.#leaving) {
        this.asked += 1;
        if (!isGood) this.failed += 1;
        this.slowest = Math.max(this.slowest, performance.now() - sentAt);
      }
      await delay(interval);
    }
  }

  async #probeInTime(): Promise<boolean> {
    if (this.#cpuSeconds === undefined) return this.#probe(patience);
    // It may have ended, or been started again.
    const used = async () => 1000 * ((await this.#cpuSeconds?.().catch(() => undefined)) ?? Number.NaN);
    const before = await used();
    const isAnswered = await this.#probe(longestWait);
    const isBlocked = (await used()) - before > patience;
    return isAnswered && !isBlocked;
  }

  #probe(limit: number): Promise<boolean> {
    return new Promise((resolve) => {
      const url = { host: '127.0.0.1', port: this.#port, path: '/healthz', agent: false };
      get({ ...url, signal: AbortSignal.timeout(limit) }, (answer) => {
        answer.resume().on('error', () => resolve(false));
        answer.on('end', () => resolve(answer.statusCode === 200));
      }).on('error', () => resolve(false));
    });
  }
}
