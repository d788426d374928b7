import assert from 'node:assert/strict';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Outcome } from './run.ts';
import type { Size } from './scenarios.ts';
import { standInForCertificates } from './stand-ins.ts';
import type { CaKind } from './world.ts';

/** A run that is wanted. */
interface Wanted {
  /** of the scenario */
  readonly name: string;
  readonly size: Size;
  readonly seed: number;
}

/**
 * Runs simulations in a thread of its own: in that of the tests, Node's test runner keeps a record of each promise, which takes a
 * quarter of the time.
 */
export class SimulationThread implements AsyncDisposable {
  readonly #worker: Worker;

  constructor(ca: CaKind) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: ca });
  }

  /** One at a time. */
  async run(name: string, size: Size, seed: number): Promise<Outcome> {
    this.#worker.postMessage({ name, size, seed } satisfies Wanted);
    const [outcome]: Outcome[] = await once(this.#worker, 'message');
    return outcome ?? assert.fail();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

/** In the thread. */
async function serve(ca: CaKind): Promise<void> {
  standInForCertificates(ca);
  // They hold for what is imported later.
  const { scenarios } = await import('./scenarios.ts');
  const { run } = await import('./run.ts');
  const answer = async ({ name, size, seed }: Wanted): Promise<void> => {
    const scenario = scenarios.find((one) => one.name === name) ?? assert.fail();
    parentPort?.postMessage(await run(scenario, size, { ca, seed }));
  };
  // A rejection ends the thread, and with it the wait of who asked.
  parentPort?.on('message', (wanted: Wanted) => void answer(wanted));
}

if (!isMainThread) await serve(workerData);
