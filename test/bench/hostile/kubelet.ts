import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** The time limit of a liveness probe in deploy/base. */
const patience = 5000;
const interval = 100;

/** Asks for /healthz ten times a second, each time over a new connection, from the first answer on. */
export class Kubelet {
  asked = 0;
  failed = 0;
  /** Milliseconds to the slowest answer. */
  slowest = 0;
  /** When the first answer came, in milliseconds since the epoch. */
  firstAt = Number.POSITIVE_INFINITY;
  readonly #port: number;
  readonly #working: Promise<void>;
  #leaving = false;

  constructor(port: number) {
    this.#port = port;
    this.#working = this.#work();
  }

  async leave(): Promise<void> {
    this.#leaving = true;
    await this.#working;
  }

  async #work(): Promise<void> {
    while (!this.#leaving) {
      const sentAt = performance.now();
      const isGood = await this.#probe();
      if (isGood) this.firstAt = Math.min(this.firstAt, Date.now());
      if (this.firstAt <= Date.now() && !this.#leaving) {
        this.asked += 1;
        if (!isGood) this.failed += 1;
        this.slowest = Math.max(this.slowest, performance.now() - sentAt);
      }
      await delay(interval);
    }
  }

  #probe(): Promise<boolean> {
    return new Promise((resolve) => {
      const url = { host: '127.0.0.1', port: this.#port, path: '/healthz', agent: false };
      get({ ...url, signal: AbortSignal.timeout(patience) }, (answer) => {
        answer.resume().on('error', () => resolve(false));
        answer.on('end', () => resolve(answer.statusCode === 200));
      }).on('error', () => resolve(false));
    });
  }
}
