import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { describeWrites, writesOfColdStart } from './ledger-writes.ts';
import { heading, row } from './outcome-table.ts';
import { drawPlot, LevelRecorder } from './plot.ts';
import { type Outcome, type RunOptions, run } from './run.ts';
import { runApart } from './runs-apart.ts';
import type { Scenario, Size } from './scenarios.ts';
import { argumentsFor, readOptions, type SimulateOptions, UsageError, usage } from './simulate-options.ts';

/**
 * Runs what the options ask for, and writes a line for each run.
 * @returns the exit status: 1 if something happened that must not
 * @throws UsageError
 */
export async function simulate(
  args: readonly string[],
  scenarios: readonly Scenario[],
  write: (text: string) => void,
): Promise<number> {
  const options = readOptions(args);
  if (options.help) {
    write(usage(scenarios));
    return 0;
  }
  if (options.ledger) {
    write(describeWrites(await writesOfColdStart(100_000)));
    return 0;
  }
  let status = 0;
  write(heading);
  for (const { scenario, seed, size, plot } of plannedRuns(options, scenarios)) {
    const args = argumentsFor(scenario, options.ca, seed, size);
    const again = `  Again: npm run simulate -- ${args.join(' ')}\n`;
    try {
      const outcome = await runOnce(scenario, size, { seed, ca: options.ca }, plot);
      write(row(outcome));
      if (outcome.violations.length > 0) {
        status = 1;
        write(outcome.violations.map((words) => `  ${words}\n`).join('') + again);
      }
    } catch (error) {
      write(again);
      throw error;
    }
  }
  return status;
}

/** Runs each of what the options ask for in a process of its own, as many at a time as there are processors; else like `simulate`. */
export function simulateApart(
  program: string,
  options: SimulateOptions,
  scenarios: readonly Scenario[],
  write: (text: string) => void,
): Promise<number> {
  const runs = plannedRuns(options, scenarios).map(({ scenario, seed, size, plot }) => [
    ...argumentsFor(scenario, options.ca, seed, size),
    ...(plot === undefined ? [] : ['--plot', plot]),
  ]);
  return runApart({ program, runs, heading, write });
}

interface PlannedRun {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly size: Size;
  /** The file that the run is drawn into. */
  readonly plot: string | undefined;
}

/** @throws UsageError */
export function plannedRuns(options: SimulateOptions, scenarios: readonly Scenario[]): PlannedRun[] {
  const chosen = choose(scenarios, options.scenario);
  const seeds = Array.from({ length: options.seeds }, (_, index) => options.seed + index);
  const runs = seeds.flatMap((seed) =>
    chosen.map((scenario) => ({ scenario, seed, size: sizeOf(scenario, options) })),
  );
  return runs.map((run, index) => ({ ...run, plot: index === 0 ? options.plot : undefined }));
}

function choose(scenarios: readonly Scenario[], names: readonly string[]): readonly Scenario[] {
  const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    const known = scenarios.map(({ name }) => name).join(', ');
    throw new UsageError(`There is no scenario ${unknown.join(', ')}. There are ${known}.`);
  }
  return scenarios.filter(({ name }) => names.length === 0 || names.includes(name));
}

function sizeOf(scenario: Scenario, { ca, fast, ingresses, days }: SimulateOptions): Size {
  const size = ca === 'strict' ? scenario.strict : fast ? scenario.fast : scenario.full;
  return { ingresses: ingresses ?? size.ingresses, days: days ?? size.days };
}

/** @param plot the file that the run is drawn into */
async function runOnce(
  scenario: Scenario,
  size: Size,
  how: Pick<RunOptions, 'seed' | 'ca'>,
  plot: string | undefined,
): Promise<Outcome> {
  const levels = new LevelRecorder();
  const { isTTY } = process.stderr;
  const outcome = await run(scenario, size, {
    ...how,
    onProgress: (passed) => {
      if (isTTY) process.stderr.write(`\r${scenario.name}: day ${passed} of ${size.days} `);
    },
    ...(plot === undefined ? {} : { watch: (world) => levels.record(world) }),
  });
  if (isTTY) process.stderr.write('\r\u001b[K');
  if (plot !== undefined) await writeFile(plot, drawPlot(outcome, levels));
  return outcome;
}
