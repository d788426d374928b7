import { readOptions } from './options.ts';
import { type ChaosPart, freshSeed, progress } from './part.ts';
import { soak as run } from './soak-run.ts';

/** Minutes from which on a slope says something. */
const longEnough = 20;
/** Megabytes an hour: less is the noise of the heap. */
const mostGrowth = 60;

export const soak: ChaosPart = {
  help: `npm run test:chaos -- soak [--minutes N] [--ingresses N] [--lifetime MINUTES] [--seed S]

Ingresses are created, changed and deleted at random, certificates live for minutes, 5 % of all requests meet a fault, and one of the
two replicas ends every 75 s. No certificate may expire, none may be issued before it is due, no order may be made that nobody needs,
and no memory may leak: the slopes are printed, by least squares over the second half of the longest life of a process, and judged from ${longEnough} minutes on.

  --minutes N         30 if not given
  --ingresses N       300 if not given
  --lifetime MINUTES  of a certificate; 10 if not given
  --seed S            of what is drawn`,
  run: async (args, write) => {
    const usual = { minutes: 30, ingresses: 300, lifetime: 10, seed: freshSeed() };
    const { ingresses, lifetime, minutes, seed } = readOptions(args, usual).numbers;
    write(
      `Again: npm run test:chaos -- soak --minutes ${minutes} --ingresses ${ingresses} --lifetime ${lifetime} --seed ${seed}\n`,
    );
    const outcome = await run({ seed, minutes, ingresses, lifetime, tell: progress });
    progress('');
    const { changes, failedProofs, issued, memory, met, orders, restarts } = outcome;
    const total = [...met.values()].reduce((sum, count) => sum + count, 0);
    write(
      `${changes} changes, ${orders} orders, ${issued} certificates, ${failedProofs} failed proofs, ${restarts} restarts, ${total} faults.\n`,
    );
    const line = (name: string, size: number, slope: number): string =>
      `${name}: ${size.toFixed(1)} MB, ${slope >= 0 ? '+' : ''}${slope.toFixed(1)} MB an hour\n`;
    write(`A process of ${memory.minutes.toFixed(1)} min.\n`);
    write(line('Heap', memory.heap, memory.heapSlope) + line('RSS', memory.rss, memory.rssSlope));
    const grows = memory.minutes >= longEnough && memory.heapSlope > mostGrowth;
    const faults = [...outcome.faults, ...(grows ? ['the heap grows'] : [])];
    for (const fault of faults) write(`  ${fault}\n`);
    return faults.length === 0;
  },
};
