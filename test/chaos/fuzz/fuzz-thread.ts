import { parentPort, workerData } from 'node:worker_threads';
import { fuzzTargets } from './targets.ts';

/** What the thread is given: a seed for each batch of inputs, one target after the other. */
export interface FuzzOrder {
  readonly targets: readonly string[];
  readonly seed: number;
  readonly inputs: number;
  /** Milliseconds. */
  readonly duration: number;
}

/** What it says: before a batch, after it, and why it failed. */
export interface FuzzReport {
  readonly target: string;
  readonly seed: number;
  readonly state: 'begun' | 'held' | 'broken';
  readonly why?: string;
}

if (parentPort !== null) {
  const order: FuzzOrder = workerData;
  const end = performance.now() + order.duration;
  const targets = fuzzTargets.filter(({ name }) => order.targets.includes(name));
  for (let seed = order.seed; performance.now() < end; seed += 1) {
    for (const fuzzed of targets) {
      const target = fuzzed.name;
      const report = (state: FuzzReport['state'], why?: string): void =>
        parentPort?.postMessage({ target, seed, state, ...(why === undefined ? {} : { why }) });
      report('begun');
      try {
        await fuzzed.run(seed, order.inputs);
        report('held');
      } catch (error) {
        report('broken', error instanceof Error ? error.message : String(error));
      }
    }
  }
}
