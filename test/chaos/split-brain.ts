import { parseArgs } from 'node:util';
import { UsageError } from '../simulation/simulate-options.ts';
import { isDnsScenario } from './dns-providers.ts';
import { faultsOf } from './kill-judge.ts';
import { Lane } from './kill-lane.ts';
import { outcomeTable } from './kill-page.ts';
import { nameOf, type Point } from './kill-points.ts';
import { type ChaosPart, progress } from './part.ts';

/** Requests after whose answer a process that leads would send the next one. */
const splitPoints: readonly Point[] = (
  [
    ['issuance', 'secret-trial'],
    ['issuance', 'rule'],
    ['issuance', 'entry'],
    ['issuance', 'new-order'],
    ['issuance', 'entry-url'],
    ['issuance', 'authorization'],
    ['issuance', 'challenge'],
    ['issuance', 'finalize'],
    ['issuance', 'certificate'],
    ['issuance', 'holder'],
    ['issuance', 'secret-write'],
    ['renewal', 'entry'],
    ['renewal', 'new-order'],
    ['renewal', 'certificate'],
    ['wildcard', 'dns-value'],
    ['wildcard', 'dns-add'],
    ['wildcard', 'authorization'],
  ] as const
).map(([scenario, step]) => ({ scenario, step, occurrence: 1, moment: 'held' }));

/** Hours by which the clocks of the replicas are ahead, in turn. */
const clocks = [0, 1, 0, -1] as const;

/** Two processes that both believe to lead. */
export const splitBrain: ChaosPart = {
  help: `npm run test:chaos -- split-brain [OPTIONS]

Stops the process that leads (SIGSTOP) while it waits for an answer, until the other replica leads and has begun to go on with the
order, and lets it go on (SIGCONT) with the answer: it must write nothing, at the API server and at the CA. The clocks of the
replicas are an hour off, ahead or behind, every other one; with DNS-01 they are right.

  --point NAME   only this one, such as issuance/new-order/1/held (may be given more than once)`,
  run: (args, write) => run(readPoints(args), write),
};

async function run(points: readonly Point[], write: (text: string) => void): Promise<boolean> {
  // A name server takes no update that was signed by a wrong clock (RFC 8945 section 5.2.3).
  const [byDns = [], others = []] = [true, false].map((isByDns) =>
    points.filter(({ scenario }) => isDnsScenario(scenario) === isByDns),
  );
  const parts = [await runAll(others, clocks), await runAll(byDns, [0])];
  const outcomes = parts.flatMap((part) => part.outcomes);
  const faults = parts.flatMap((part) => part.faults);
  progress('');
  write(outcomeTable('Both believe to lead', outcomes));
  const all = [...outcomes.flatMap(faultsOf), ...faults];
  write(`${outcomes.length} points, ${all.length} faults.\n${all.map((fault) => `  ${fault}\n`).join('')}`);
  return all.length === 0;
}

async function runAll(points: readonly Point[], hours: readonly number[]) {
  if (points.length === 0) return { outcomes: [], faults: [] };
  progress('starting the servers');
  await using lane = await Lane.start(false, hours);
  for (const point of points) {
    progress(nameOf(point));
    await lane.run(point);
  }
  return { outcomes: await lane.outcomes(), faults: await lane.faults() };
}

function readPoints(args: readonly string[]): readonly Point[] {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { point: { type: 'string', multiple: true, default: [] } },
    });
    const unknown = values.point.filter((name) => !splitPoints.some((point) => nameOf(point) === name));
    if (unknown.length > 0) {
      throw new UsageError(
        `There is no point ${unknown.join(', ')}; there are: ${splitPoints.map(nameOf).join(', ')}.`,
      );
    }
    const chosen = splitPoints.filter((point) => values.point.includes(nameOf(point)));
    return chosen.length > 0 ? chosen : splitPoints;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
