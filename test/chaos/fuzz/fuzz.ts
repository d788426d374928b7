import { Worker } from 'node:worker_threads';
import { UsageError } from '../../simulation/simulate-options.ts';
import { readOptions } from '../options.ts';
import { type ChaosPart, freshSeed, progress } from '../part.ts';
import type { FuzzOrder, FuzzReport } from './fuzz-thread.ts';
import { fuzzTargets } from './targets.ts';

const inputs = 300;
/** Milliseconds for one batch: beyond that it hangs. */
const longestBatch = 180_000;
/** Megabytes: what the thread keeps of thousands of inputs must not grow. */
const mostMemory = 512;

const help = `npm run test:chaos -- fuzz [--seconds N] [--seed S] [--target NAME]

Damages what comes in from outside, where its structure allows it: ${fuzzTargets.map(({ name }) => name).join(', ')}.

  --seconds N    how long; 60 if not given
  --seed S       of the first batch of ${inputs} inputs for each target, the next batch has the next one; a new one if not given
  --target NAME  only this one`;

export const fuzz: ChaosPart = {
  help,
  run: async (args, write) => {
    const { numbers, texts } = readOptions(args, { seconds: 60, seed: freshSeed() }, ['target']);
    const { seconds, seed } = numbers;
    const targets = targetsOf(texts.target);
    write(`Seed ${seed}. Again: npm run test:chaos -- fuzz --seconds ${seconds} --seed ${seed}\n`);
    const order = { targets, seed, inputs, duration: seconds * 1000 };
    const { batches, failures } = await runThread(order);
    for (const target of targets) {
      write(`${target.padEnd(16)} ${(batches.get(target) ?? 0) * inputs} inputs\n`);
    }
    for (const { target, seed: failed, why } of failures) {
      write(
        `\n${why}\nAgain: npm run test:chaos -- fuzz --seconds 1 --seed ${failed} --target '${target}'\n`,
      );
    }
    return failures.length === 0;
  },
};

/** In a thread of its own: one that hangs can be ended, and it is known at what. */
async function runThread(order: FuzzOrder): Promise<{
  readonly batches: ReadonlyMap<string, number>;
  readonly failures: readonly FuzzReport[];
}> {
  const batches = new Map<string, number>();
  const failures: FuzzReport[] = [];
  const broken = new Set<string>();
  const thread = new Worker(new URL('fuzz-thread.ts', import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: mostMemory },
  });
  let last: FuzzReport | undefined;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    const fail = (why: string): void => {
      if (last !== undefined) failures.push({ ...last, state: 'broken', why: `${last.target}: ${why}` });
      else failures.push({ target: '', seed: order.seed, state: 'broken', why });
    };
    thread.on('message', (report: FuzzReport) => {
      clearTimeout(timer);
      last = report;
      if (report.state === 'begun') {
        timer = setTimeout(() => {
          fail(`a batch does not end within ${longestBatch / 1000} s.`);
          void thread.terminate();
        }, longestBatch);
        return;
      }
      batches.set(report.target, (batches.get(report.target) ?? 0) + 1);
      progress(`fuzz ${report.target} ${report.seed}`);
      // One example of each is enough.
      if (report.state === 'broken' && !broken.has(report.target)) failures.push(report);
      if (report.state === 'broken') broken.add(report.target);
    });
    thread.on('error', (error: Error) => fail(`the thread has ended: ${error.message}`));
    thread.on('exit', () => resolve());
  });
  clearTimeout(timer);
  return { batches, failures };
}

function targetsOf(target: string | undefined): readonly string[] {
  const all = fuzzTargets.map(({ name }) => name);
  if (target === undefined) return all;
  if (!all.includes(target))
    throw new UsageError(`There is no target ${target}; there are: ${all.join(', ')}.`);
  return [target];
}
