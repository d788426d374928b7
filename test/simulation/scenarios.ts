import { Population } from './population.ts';
import { day, hour, minute } from './time-units.ts';
import type { World, WorldOptions } from './world.ts';

export interface Size {
  readonly ingresses: number;
  readonly days: number;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly full: Size;
  /** For the test suite. */
  readonly fast: Size;
  /** Against the strict CA, likewise. */
  readonly strict: Size;
  readonly options?: Omit<WorldOptions, 'seed' | 'ca'>;
  readonly prepare: (world: World, size: Size) => void;
}

/** Calls again and again, at random times that are `mean` apart, until the world is left alone. */
function nowAndThen(world: World, mean: number, happen: () => void): void {
  const { time, random } = world;
  time.after(random.exponential(mean), () => {
    happen();
    nowAndThen(world, mean, happen);
  });
}

function settled(world: World, { ingresses }: Size): Population {
  const population = new Population(world);
  population.addSettled(ingresses);
  world.startProcess();
  return population;
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'two-years',
    title: 'two years through both changes of lifetimes, sites come, Secrets get lost',
    full: { ingresses: 5000, days: 730 },
    fast: { ingresses: 60, days: 140 },
    strict: { ingresses: 8, days: 730 },
    // Let's Encrypt says six hours. A day is the longest that kube-lego waits, and makes a run four times shorter.
    options: { renewalInfoPeriod: day },
    prepare: (world, size) => {
      const population = settled(world, size);
      // As many as there are already are enough for two years.
      nowAndThen(world, Math.max(2 * day, (size.days * day) / size.ingresses), () => population.addNew(1));
      // Whole clusters move in.
      for (const share of [0.3, 0.5, 0.8]) {
        world.time.after(share * size.days * day, () => population.addNew(Math.round(size.ingresses / 10)));
      }
      nowAndThen(world, 5 * day, () => {
        const { key } = population.any;
        world.loseSecret(key);
      });
    },
  },
  {
    name: 'ca-outage',
    title: 'a week without the CA, and an hour now and then',
    full: { ingresses: 5000, days: 200 },
    fast: { ingresses: 40, days: 35 },
    strict: { ingresses: 10, days: 35 },
    prepare: (world, size) => {
      settled(world, size);
      const { now } = world.time;
      for (const [from, length] of [
        [20 * day, 7 * day],
        [45 * day, hour],
        [60 * day, 20 * minute],
        [61 * day, 12 * hour],
      ] as const) {
        world.ca.outages.push({ from: now + from, until: now + from + length, failing: 1 });
      }
    },
  },
  {
    name: 'busy-ca',
    title: 'the CA fails a part of all requests for days, while the process dies now and then',
    full: { ingresses: 2000, days: 120 },
    fast: { ingresses: 60, days: 25 },
    strict: { ingresses: 10, days: 8 },
    options: { renewalInfoPeriod: 6 * hour },
    prepare: (world, size) => {
      const population = settled(world, size);
      const { ca, random, time } = world;
      for (let from = 3; from < size.days; from += 10) {
        const [start, end] = [time.now + from * day, time.now + (from + random.between(1, 4)) * day];
        ca.outages.push({ from: start, until: end, failing: random.between(0.2, 0.7) });
        time.at(start + hour, () => population.addNew(20));
        // In the midst of what it was told to wait for.
        time.at(start + hour + minute, () => world.restartProcess());
      }
      nowAndThen(world, 2 * day, () => world.restartProcess());
    },
  },
  {
    name: 'failing-hosts',
    title: '30 % of the sites fail, some for a time, some for ever',
    full: { ingresses: 5000, days: 200 },
    fast: { ingresses: 30, days: 150 },
    strict: { ingresses: 15, days: 150 },
    prepare: (world, size) => {
      const population = settled(world, size);
      const { hosts, random, time } = world;
      for (const site of population.sites) {
        if (!random.chance(0.3)) continue;
        const host = site.hosts[random.below(site.hosts.length)] ?? '';
        time.after(random.between(0, (size.days / 2) * day), () => {
          hosts.set(host, random.chance(0.5) ? 'dead' : 'elsewhere');
          if (random.chance(0.6)) time.after(random.exponential(20 * day), () => hosts.set(host, 'good'));
        });
      }
    },
  },
  {
    name: 'clock-jumps',
    title: 'the clock jumps by an hour, either way',
    full: { ingresses: 2000, days: 120 },
    fast: { ingresses: 100, days: 12 },
    strict: { ingresses: 20, days: 5 },
    options: { renewalInfoPeriod: 6 * hour },
    prepare: (world, size) => {
      const population = settled(world, size);
      const { random, time } = world;
      nowAndThen(world, day, () => {
        world.clockError = [-hour, 0, hour][random.below(3)] ?? 0;
      });
      // While the account's limit is all used up.
      const rush = (): void => {
        population.addNew(400);
        for (const [after, error] of [
          [minute, hour],
          [30 * minute, 0],
          [hour, -hour],
          [2 * hour, hour],
          [3 * hour, 0],
        ] as const) {
          time.after(after, () => {
            world.clockError = error;
          });
        }
      };
      for (let at = 3; at < size.days; at += 30) time.after(at * day, rush);
    },
  },
  {
    name: 'restarts',
    title: 'the process dies at random moments, oftenest while it is at work',
    full: { ingresses: 1000, days: 120 },
    fast: { ingresses: 50, days: 40 },
    strict: { ingresses: 20, days: 20 },
    prepare: (world, size) => {
      const population = settled(world, size);
      const { random, time } = world;
      nowAndThen(world, 2 * day, () => {
        if (random.chance(0.5)) population.addNew(20);
        time.after(random.between(0, 40_000), () => world.restartProcess());
      });
    },
  },
  {
    name: 'cold-start',
    title: 'no good certificate at the start, half of them long expired, and all of the CA’s limits',
    full: { ingresses: 3000, days: 21 },
    fast: { ingresses: 400, days: 3 },
    strict: { ingresses: 330, days: 2 },
    prepare: (world, { ingresses }) => {
      const population = new Population(world);
      population.addNew(Math.ceil(ingresses / 2));
      population.addForgotten(Math.floor(ingresses / 2));
      world.startProcess();
    },
  },
  {
    name: 'mass-revocation',
    title: 'the CA recalls every certificate, twice: by renewal information all are replaced within a day',
    full: { ingresses: 5000, days: 60 },
    fast: { ingresses: 100, days: 25 },
    strict: { ingresses: 40, days: 25 },
    options: { renewalInfoPeriod: 6 * hour },
    prepare: (world, size) => {
      settled(world, size);
      const { ca, cluster, time, witness } = world;
      for (const at of [6 * day, 18 * day]) {
        time.after(at, () => {
          ca.recall();
        });
        // What was issued just before is left alone for a day, the rest for seven hours at most; and what the queue takes.
        time.after(at + day + hour, () => {
          for (const [secret, certificate] of cluster.certificates()) {
            if (ca.isRecalled(certificate)) {
              witness.troubled(`25 hours after the recall ${secret} holds a certificate that was recalled`);
            }
          }
        });
      }
    },
  },
  {
    name: 'other-client',
    title: 'another client spends from the same account and the same domains',
    full: { ingresses: 1000, days: 60 },
    fast: { ingresses: 200, days: 20 },
    strict: { ingresses: 20, days: 8 },
    options: { refusalsAllowed: (limit) => (limit === 'orders' || limit === 'domain' ? 1 : 0) },
    prepare: (world, size) => {
      const population = settled(world, size);
      const { ca, random, time } = world;
      // Each scope is emptied once, so that more than one refusal of a scope is one too many.
      time.after(2 * day, () => {
        for (let order = 0; order < 300; order += 1) ca.spendElsewhere([`${order}.elsewhere.example`], true);
        population.addNew(50);
      });
      time.after(6 * day, () => {
        for (let order = 0; order < 50; order += 1) ca.spendElsewhere([`${order}.tenant-0.example`], false);
        population.addNew(100);
      });
      // In the midst of what it was refused: nothing may be asked for before the end of that.
      for (const burst of [2 * day, 6 * day]) {
        time.after(burst + random.between(0, minute), () => world.restartProcess());
        time.after(burst + random.between(minute, hour), () => world.restartProcess());
      }
    },
  },
];
