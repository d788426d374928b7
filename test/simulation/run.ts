import process from 'node:process';
import type { Scenario, Size } from './scenarios.ts';
import { day } from './time-units.ts';
import type { Tally } from './witness.ts';
import { type CaKind, World } from './world.ts';

export interface Outcome extends Tally {
  readonly scenario: string;
  readonly seed: number;
  readonly days: number;
  readonly ingresses: number;
  readonly restarts: number;
  /** Of real time, and of a processor. */
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly violations: readonly string[];
  readonly issuedByDay: readonly number[];
  /** Of the certificates that were issued, in days. */
  readonly lifetimes: ReadonlySet<number>;
  readonly events: ReadonlyMap<string, number>;
  readonly ledgerWrites: { readonly count: number; readonly characters: number };
}

export interface RunOptions {
  readonly seed: number;
  readonly ca: CaKind;
  /** Told now and then how many days have passed. */
  readonly onProgress?: (day: number) => void;
  /** Called once at the beginning. */
  readonly watch?: (world: World) => void;
}

/** Runs a scenario to its end, or until too much has gone wrong to go on. */
export async function run(scenario: Scenario, size: Size, options: RunOptions): Promise<Outcome> {
  const { seed, ca, onProgress, watch } = options;
  const began = performance.now();
  const processor = process.cpuUsage();
  const world = await World.create({ ...scenario.options, seed, ca });
  const { time, witness, cluster } = world;
  const start = time.now;
  scenario.prepare(world, size);
  watch?.(world);
  for (let passed = 1; passed <= size.days && witness.violations.length < 20; passed += 1) {
    await time.runUntil(start + passed * day, () => witness.violations.length < 20);
    onProgress?.(passed);
  }
  return {
    ...witness.tally,
    scenario: scenario.name,
    seed,
    days: (time.now - start) / day,
    ingresses: cluster.ingresses.size,
    restarts: world.restarts,
    seconds: (performance.now() - began) / 1000,
    processorSeconds: processorSeconds(processor),
    violations: witness.violations,
    issuedByDay: witness.issuedByDay,
    lifetimes: witness.lifetimes,
    events: cluster.events,
    ledgerWrites: cluster.ledgerWrites,
  };
}

function processorSeconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}
