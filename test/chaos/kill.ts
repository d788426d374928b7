import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { seededRandom } from '../ca/random.ts';
import { UsageError, wholeNumber } from '../simulation/simulate-options.ts';
import { isDnsScenario } from './dns-providers.ts';
import { faultsOf, type Outcome } from './kill-judge.ts';
import { Lane } from './kill-lane.ts';
import { cellOf, jobsAt, jobsOf, type KillTable, keyOf, outcomeTable, pageOf, tableOf } from './kill-page.ts';
import { type Job, nameOf, type Point, readPoint, type Scenario, scenarios } from './kill-points.ts';
import type { Step } from './kill-steps.ts';
import { type ChaosPart, freshSeed, progress } from './part.ts';

const page = new URL('../../docs/kill-points.md', import.meta.url);

interface Options {
  readonly points: readonly Point[];
  readonly share: number | undefined;
  readonly rest: boolean;
  readonly seed: number;
  readonly lanes: number;
  readonly minutes: number;
  readonly reusing: boolean | undefined;
  readonly write: boolean;
}

/** Kills the leader at every request of an issuance and of a renewal. */
export const kill: ChaosPart = {
  help: `npm run test:chaos -- kill [OPTIONS]

Kills the process that leads (SIGKILL) at each request that it makes for a certificate, once before the request gets to the server,
once when its answer is lost, once after the answer, and once so that it arrives when the other replica leads. The points are those of
issuances and a renewal that nobody disturbs, which are recorded first: about half an hour on two cores. In parts:
kill --write --minutes 20, then kill --write --minutes 20 --rest until no point is left.

  --point NAME    only this one, such as issuance/new-order/1/lost (may be given more than once)
  --share COUNT   only so many of the points in docs/kill-points.md
  --rest          only those that docs/kill-points.md has no outcome of, also of requests that it does not have yet
  --seed N        which ones, and in which order; default: a fresh one
  --lanes COUNT   clusters at work side by side; default 3
  --minutes N     no point is begun later; default 120
  --reuse         only a CA that answers a second order for a set with the first one
  --no-reuse      only a CA that makes another order
  --write         the outcomes into docs/kill-points.md, after every few points`,
  run: (args, write) => run(readOptions(args), write),
};

/** Points between two judgements: what is left behind stays for up to 20 s. */
const batch = 8;

/** Points of the page that the seed decides. */
export function drawnPoints(seed: number, count: number): Point[] {
  // A wildcard leaves values for two minutes, and test/controller/dns-01.test.ts kills the process in the middle of one.
  const points = jobsOf(readTable().steps).flatMap(({ point, reusing }) =>
    reusing || isDnsScenario(point.scenario) ? [] : [point],
  );
  return shuffled(points, seed).slice(0, count);
}

async function run(options: Options, write: (text: string) => void): Promise<boolean> {
  const { minutes, points, rest, seed, share } = options;
  write(`Seed ${seed}.\n`);
  const isWhole = points.length === 0 && share === undefined && !rest;
  const table = isWhole ? { steps: await record(scenarios), cells: new Map() } : await readWhole(rest);
  const cells = new Map(table.cells);
  const { broken, faults, outcomes } = await runJobs(
    shuffled(chosen(options, table), seed),
    options,
    (judged) => {
      for (const outcome of judged) cells.set(keyOf(outcome), cellOf(outcome));
      if (options.write) writeFileSync(page, pageOf({ steps: table.steps, cells }));
    },
  );
  progress('');
  for (const [reusing, title] of [
    [false, 'a CA that makes another order'],
    [true, 'a CA that answers with the same order'],
  ] as const) {
    const its = outcomes.filter((outcome) => outcome.reusing === reusing);
    if (its.length > 0) write(outcomeTable(title, its.toSorted(byName)));
  }
  const all = [...outcomes.flatMap(faultsOf), ...broken, ...faults];
  const missed = outcomes.filter(({ reached }) => !reached).length;
  write(`${outcomes.length} points, ${missed} of them without their request, ${all.length} faults.\n`);
  for (const fault of all) write(`  ${fault}\n`);
  for (const outcome of outcomes.filter((one) => one.faults.length > 0)) {
    write(`Again: npm run test:chaos -- kill --point ${keyOf(outcome)}\n`);
  }
  const left = chosen({ ...options, rest: true }, { steps: table.steps, cells }).length;
  const goOn = options.write ? ': npm run test:chaos -- kill --write --rest' : '';
  if (left > 0) write(`${left} points are left after ${minutes} min${goOn}\n`);
  return all.length === 0;
}

function chosen({ points, rest, reusing, seed, share }: Options, { cells, steps }: KillTable): Job[] {
  const named = share === undefined ? points : drawnPoints(seed, share);
  const jobs =
    named.length === 0
      ? jobsOf(steps)
      : named.flatMap((point) => (reusing === undefined ? jobsAt(point) : [{ point, reusing }]));
  return jobs
    .filter((job) => reusing === undefined || job.reusing === reusing)
    .filter((job) => !rest || !cells.has(keyOf(job)));
}

function readTable(): KillTable {
  return tableOf(readFileSync(page, 'utf8'));
}

interface Results {
  readonly outcomes: readonly Outcome[];
  /** Points whose outcome could not be told. */
  readonly broken: readonly string[];
  readonly faults: readonly string[];
}

/** @param rest whether a scenario that the page does not have is recorded */
async function readWhole(rest: boolean): Promise<KillTable> {
  const { cells, steps } = readTable();
  const missing = scenarios.filter((scenario) => !steps.has(scenario));
  const recorded = rest && missing.length > 0 ? await record(missing) : [];
  return { cells, steps: new Map([...steps, ...recorded]) };
}

/** The requests of these scenarios. */
async function record(wanted: readonly Scenario[]): Promise<Map<Scenario, readonly Step[]>> {
  const steps = new Map<Scenario, readonly Step[]>();
  progress('starting the servers');
  await using lane = await Lane.start(false);
  for (const scenario of wanted) {
    progress(`recording: ${scenario}`);
    steps.set(scenario, await lane.record(scenario));
  }
  return steps;
}

/** Runs the points in clusters side by side, each of which has a CA of one habit. */
async function runJobs(
  jobs: readonly Job[],
  { lanes, minutes }: Pick<Options, 'lanes' | 'minutes'>,
  onJudged: (judged: readonly Outcome[]) => void,
): Promise<Results> {
  const queues = Map.groupBy(jobs, ({ reusing }) => reusing);
  const end = performance.now() + minutes * 60_000;
  const outcomes: Outcome[] = [];
  const broken: string[] = [];
  const faults: string[] = [];
  const next = (reusing: boolean): Job | undefined =>
    performance.now() > end ? undefined : queues.get(reusing)?.shift();
  const left = (): number => [...queues.values()].reduce((sum, { length }) => sum + length, 0);
  const work = async (reusing: boolean): Promise<void> => {
    let job = next(reusing);
    if (job === undefined) return;
    await using lane = await Lane.start(reusing);
    const judge = async (): Promise<void> => {
      const judged = await lane.outcomes();
      outcomes.push(...judged);
      onJudged(judged);
    };
    for (let count = 1; job !== undefined; count += 1) {
      progress(`${left()} left: ${keyOf(job)}`);
      try {
        await lane.run(job.point);
      } catch (error) {
        broken.push(`${keyOf(job)}: ${String(error)}`);
      }
      if (count % batch === 0) await judge();
      job = next(reusing);
    }
    await judge();
    faults.push(...(await lane.faults()));
  };
  const both = async (first: boolean): Promise<void> => {
    await work(first);
    await work(!first);
  };
  await Promise.all(Array.from({ length: lanes }, (_, index) => both(index === 0)));
  return { outcomes, broken, faults };
}

function byName(one: Outcome, other: Outcome): number {
  return nameOf(one.point).localeCompare(nameOf(other.point));
}

function readOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        point: { type: 'string', multiple: true, default: [] },
        share: { type: 'string' },
        rest: { type: 'boolean', default: false },
        seed: { type: 'string' },
        lanes: { type: 'string', default: '3' },
        minutes: { type: 'string', default: '120' },
        reuse: { type: 'boolean', default: false },
        'no-reuse': { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
      },
    });
    const { point, share, rest, seed, lanes, minutes, reuse, 'no-reuse': noReuse, write } = values;
    return {
      points: point.map(readPoint),
      share: share === undefined ? undefined : wholeNumber('share', share, 1),
      rest,
      seed: seed === undefined ? freshSeed() : wholeNumber('seed', seed, 0),
      lanes: wholeNumber('lanes', lanes, 1),
      minutes: wholeNumber('minutes', minutes, 1),
      reusing: reuse === noReuse ? undefined : reuse,
      write,
    };
  } catch (error) {
    throw error instanceof UsageError
      ? error
      : new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function shuffled<T>(all: readonly T[], seed: number): T[] {
  const random = seededRandom(seed);
  return all
    .map((one) => ({ one, at: random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ one }) => one);
}
