import { parseArgs } from 'node:util';
import type { Scenario, Size } from './scenarios.ts';
import type { CaKind } from './world.ts';

/** What `npm run simulate` is asked for. */
export interface SimulateOptions {
  /** Names of scenarios; empty: all. */
  readonly scenario: readonly string[];
  readonly ca: CaKind;
  readonly seed: number;
  readonly seeds: number;
  readonly fast: boolean;
  readonly ingresses: number | undefined;
  readonly days: number | undefined;
  readonly plot: string | undefined;
  readonly ledger: boolean;
  readonly help: boolean;
}

/** The message says which option is wrong, and why. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError */
export function readOptions(args: readonly string[]): SimulateOptions {
  const { ca, ingresses, days, seed, seeds, ...values } = parsed(args);
  return {
    ...values,
    plot: values.plot,
    ca: kindOfCa(ca),
    seed: wholeNumber('seed', seed, 0),
    seeds: wholeNumber('seeds', seeds, 1),
    ingresses: ingresses === undefined ? undefined : wholeNumber('ingresses', ingresses, 1),
    days: days === undefined ? undefined : wholeNumber('days', days, 1),
  };
}

/** The options for one run of a scenario. */
export function argumentsFor(
  { name }: Pick<Scenario, 'name'>,
  ca: CaKind,
  seed: number,
  { ingresses, days }: Size,
): readonly string[] {
  const kind = ca === 'model' ? [] : ['--ca', ca];
  const size = ['--ingresses', `${ingresses}`, '--days', `${days}`];
  return ['--scenario', name, ...kind, '--seed', `${seed}`, ...size];
}

export function usage(scenarios: readonly Pick<Scenario, 'name' | 'title'>[]): string {
  const list = scenarios.map(({ name, title }) => `  ${name.padEnd(16)}${title}\n`).join('');
  return `Usage: npm run simulate -- [OPTIONS]

Years of kube-lego in seconds: its machines, ledger, order flow and steps with a clock that jumps, against a CA that counts
Let's Encrypt's limits and a cluster in memory. Ends with status 1 and the seed when something happened that must not.

  --scenario NAME   only this one (may be given more than once)
  --ca KIND         model (default): a CA without cryptography, for thousands of Ingresses; strict: the CA of test/ca, with
                    acme-client, signatures, nonces, signing requests and certificates as they are, for dozens
  --seed N          the same seed runs the same way; default 1
  --seeds COUNT     as many seeds from there on
  --fast            the sizes of the test suite; those of the strict CA always are
  --ingresses N     in place of the scenario's number
  --days N          in place of the scenario's length
  --plot FILE       draws the renewals of each day of the first scenario that runs, as SVG
  --ledger          only prints what a cold start with 100,000 names writes for the ledger
  --help

Scenarios:
${list}`;
}

function parsed(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        scenario: { type: 'string', multiple: true, default: [] },
        ca: { type: 'string', default: 'model' },
        seed: { type: 'string', default: '1' },
        seeds: { type: 'string', default: '1' },
        fast: { type: 'boolean', default: false },
        ingresses: { type: 'string' },
        days: { type: 'string' },
        plot: { type: 'string' },
        ledger: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function kindOfCa(text: string): CaKind {
  if (text === 'model' || text === 'strict') return text;
  throw new UsageError(`--ca takes model or strict, not ${text}.`);
}

/** @throws UsageError */
export function wholeNumber(option: string, text: string, least: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw new UsageError(`--${option} takes a whole number from ${least}, not ${text}.`);
}
