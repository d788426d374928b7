import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { argumentsFor, readOptions } from './simulate-options.ts';
import { standInForCertificates } from './stand-ins.ts';

standInForCertificates('model');
// They hold for what is imported later.
const { scenarios } = await import('./scenarios.ts');
const { simulate } = await import('./simulation-runs.ts');

const program = fileURLToPath(new URL('./simulate.ts', import.meta.url));
const small = ['--scenario', 'other-client', '--fast', '--ingresses', '20', '--days', '3'];

describe('npm run simulate', () => {
  test('with --ca strict runs the same way for the same seed, beside another or alone, and another way for another seed', async () => {
    const [both, again] = await Promise.all([
      runProgram([...small, '--ca', 'strict', '--seed', '1', '--seeds', '2']),
      runProgram([...small, '--ca', 'strict', '--seed', '2']),
    ]);
    assert.deepEqual([both.code, again.code], [0, 0], both.errors + again.errors);
    assertRepeated(timeless(both.output), timeless(again.output));
  });

  test('with --ca model does so, too, whatever ran before in its process', async () => {
    const both = [
      await written(scenarios, [...small, '--seed', '1']),
      await written(scenarios, [...small, '--seed', '2']),
    ].flatMap(({ status, lines: [heading = '', row = ''] }, index) => {
      assert.equal(status, 0);
      return index === 0 ? [heading, row] : [row];
    });
    const { code, output, errors } = await runProgram([...small, '--ca', 'model', '--seed', '2']);
    assert.equal(code, 0, errors);
    assertRepeated(both, timeless(output));
  });

  test('ends with status 2 and a sentence when an option is wrong, before anything runs', async () => {
    const wrong: [args: string[], sentence: RegExp][] = [
      [['--sed', '1'], /^Unknown option '--sed'/],
      [['--seed', 'one'], /^--seed takes a whole number from 0, not one\.$/],
      [['--days', '0'], /^--days takes a whole number from 1, not 0\.$/],
      [['--scenario', 'three-years'], /^There is no scenario three-years\. There are two-years, /],
    ];
    for (const [args, sentence] of wrong) {
      const { code, output, errors } = await runProgram([...small, ...args]);
      const [first = '', second, ...rest] = errors.split('\n');
      assert.match(first, sentence);
      assert.equal(second, 'See npm run simulate -- --help.');
      assert.deepEqual([code, output, rest], [2, '', ['']]);
    }
  });

  test('ends with status 1 when something happened that must not, and prints the command that does it again', async () => {
    // Another client spends, so the CA has to refuse; here it must not.
    const strict = scenarios.map((scenario) => ({
      ...scenario,
      options: { ...scenario.options, refusalsAllowed: () => 0 },
    }));
    const first = await written(strict, [...small, '--seed', '4']);
    assert.equal(first.status, 1);
    const commands = first.lines.filter((line) => line.startsWith('  Again: '));
    assert.deepEqual(commands, [first.lines.at(-1)]);
    const [, row = '', violation = ''] = first.lines;
    assert.match(row, / [1-9]\d*$/, 'violations are counted');
    assert.match(violation, /^ {2}.*The CA refused an order by its limit /);
    const [command, options = ''] = commands[0]?.split(' -- ') ?? [];
    assert.equal(command, '  Again: npm run simulate');
    assert.deepEqual(await written(strict, options.split(' ')), first);
  });

  test('reads of the options that it prints what it had run', () => {
    const [scenario] = scenarios;
    assert.ok(scenario !== undefined);
    for (const ca of ['model', 'strict'] as const) {
      const args = argumentsFor(scenario, ca, 7, { ingresses: 20, days: 3 });
      const { scenario: names, ...read } = readOptions(args);
      assert.deepEqual(names, [scenario.name]);
      assert.deepEqual([read.ca, read.seed, read.seeds, read.ingresses, read.days], [ca, 7, 1, 20, 3]);
    }
  });

  test('prints that command, too, when a run comes to no end', async () => {
    const broken = scenarios.map((scenario) => ({
      ...scenario,
      prepare: () => {
        throw new Error('broken');
      },
    }));
    const lines: string[] = [];
    const run = simulate(small, broken, (line) => void lines.push(line));
    await assert.rejects(run, /broken/);
    const command = 'npm run simulate -- --scenario other-client --seed 1 --ingresses 20 --days 3';
    assert.equal(lines.at(-1), `  Again: ${command}\n`);
  });
});

/** That the second row of the first table is the one of the second, and unlike the first. */
function assertRepeated(both: readonly string[], again: readonly string[]): void {
  const [heading, one = '', two = ''] = both;
  assert.deepEqual(again, [heading, two]);
  const beside = (row: string): string => row.replace(/^other-client +\d+/, '');
  assert.notEqual(beside(one), beside(two));
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

async function runProgram(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 240_000,
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [code, output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, output, errors };
}

async function written(
  ofScenarios: typeof scenarios,
  args: readonly string[],
): Promise<{ readonly status: number; readonly lines: readonly string[] }> {
  const parts: string[] = [];
  const status = await simulate(args, ofScenarios, (part) => void parts.push(part));
  return { status, lines: timeless(parts.join('')) };
}

/** The lines without the seconds that a run took, of which two are alike by chance only. */
function timeless(output: string): string[] {
  return output
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ +\d+\.\d +\d+\.\d( +\d+)$/, '$1'));
}
