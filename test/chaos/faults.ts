import { runFaults } from './fault-run.ts';
import { readOptions } from './options.ts';
import { type ChaosPart, freshSeed, progress } from './part.ts';

/** Faults between kube-lego, the API server and the CA. */
export const faults: ChaosPart = {
  help: `npm run test:chaos -- faults [--ingresses N] [--seed S] [--percent P]

Two replicas, a real API server and a CA that counts. Of all requests, 5 % meet a fault: a connection that breaks before the request
arrives or before the answer does, a delay of up to 30 s, 409, 429, 500, 503, a stale list; watches end, repeat events and change their
order. In the middle, the leader is cut off from the Lease, and from nothing else, until another one leads; then the API server is
down for two minutes, and its history is gone.

  --ingresses N   200 if not given
  --seed S        of the draws; which request meets which one is up to the machine
  --percent P     of the requests; 5 if not given`,
  run: async (args, write) => {
    const { ingresses, percent, seed } = readOptions(args, {
      ingresses: 200,
      percent: 5,
      seed: freshSeed(),
    }).numbers;
    const again = `npm run test:chaos -- faults --ingresses ${ingresses} --percent ${percent} --seed ${seed}`;
    write(`Again: ${again}\n`);
    const outcome = await runFaults({
      seed,
      ingresses,
      leaseDuration: 20,
      share: percent / 100,
      longestDelay: 30_000,
      interval: 300,
      shortestWait: 5,
      cutOff: true,
      outage: 120_000,
      tell: progress,
    });
    progress('');
    for (const [fault, count] of [...outcome.met].toSorted(([one], [other]) => (one < other ? -1 : 1)))
      write(`${fault.padEnd(20)} ${count}\n`);
    write(`${outcome.orders} orders for ${ingresses} certificates, ${outcome.restarts} restarts; `);
    write(`the last certificate ${outcome.seconds.toFixed(0)} s after the last Ingress.\n`);
    for (const fault of outcome.faults) write(`  ${fault}\n`);
    return outcome.faults.length === 0;
  },
};
