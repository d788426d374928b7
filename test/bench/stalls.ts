import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { restSuffix } from './loop-probe.ts';

/** The longest turn of the event loop, in milliseconds: by the clock, and CPU of the main thread in it. */
export interface Stall {
  readonly clock: number;
  readonly cpu: number;
}

const noise = 20;

/** What loop-probe.ts tells of the controller. */
export class Stalls {
  readonly environment: Readonly<Record<string, string>>;
  readonly #file: string;

  /**
   * @param file that the controller writes
   * @param nodeOptions of the controller besides
   */
  constructor(file: string, nodeOptions: string) {
    this.#file = file;
    const probe = fileURLToPath(new URL('loop-probe.ts', import.meta.url));
    this.environment = { NODE_OPTIONS: `${nodeOptions} --import ${probe}`, LOOP_PROBE_FILE: file };
  }

  /** The probe rests meanwhile, which takes more CPU than an idle controller. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    const rest = `${this.#file}${restSuffix}`;
    await writeFile(rest, '');
    try {
      // It looks every quarter of a second.
      await delay(1000);
      return await work();
    } finally {
      await rm(rest);
      await delay(1000);
    }
  }

  /** @param since milliseconds since the epoch */
  async longest(since: number): Promise<Stall> {
    const stalls = (await this.#read()).filter(({ at }) => at >= since);
    return {
      clock: Math.max(noise, ...stalls.map(({ clock }) => clock)),
      cpu: Math.max(noise, ...stalls.map(({ cpu }) => cpu)),
    };
  }

  /**
   * Waits until the controller has had nothing long to do for some seconds.
   * @throws Error after `limit` milliseconds
   */
  async untilQuiet(limit: number): Promise<void> {
    const began = Date.now();
    for (;;) {
      const lines = await this.#read();
      const busyAt = lines.findLast(({ cpu }) => cpu >= noise)?.at ?? 0;
      const toldAt = lines.at(-1)?.at ?? 0;
      if (toldAt - Math.max(busyAt, began) >= 3000) return;
      if (Date.now() - began > limit) throw new Error(`the controller is still busy after ${limit / 1000} s`);
      await delay(200);
    }
  }

  async #read(): Promise<{ readonly at: number; readonly clock: number; readonly cpu: number }[]> {
    const text = await readFile(this.#file, 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [at = 0, clock = 0, cpu = 0] = line.split(' ').map(Number);
        return { at, clock, cpu };
      });
  }
}
