import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { standInForCertificates } from './stand-ins.ts';

const usage = `Usage: npm run simulate -- [OPTIONS]

Years of kube-lego in seconds: its machines, ledger, order flow and steps with a clock that jumps, against a CA that counts
Let's Encrypt's limits and a cluster in memory. Ends with status 1 and the seed when something happened that must not.

  --scenario NAME   only this one (may be given more than once)
  --seed N          the same seed runs the same way; default 1
  --seeds COUNT     as many seeds from there on
  --fast            the sizes of the test suite
  --ingresses N     in place of the scenario's number
  --days N          in place of the scenario's length
  --plot FILE       draws the renewals of each day of the first scenario that runs, as SVG
  --ledger          only prints what a cold start with 100,000 names writes for the ledger
  --help

Scenarios:
`;

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', multiple: true, default: [] },
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

standInForCertificates();
// They hold for what is imported later.
const { scenarios } = await import('./scenarios.ts');
const { run } = await import('./run.ts');
const { heading, row } = await import('./outcome-table.ts');
const { describeWrites, writesOfColdStart } = await import('./ledger-writes.ts');
const { drawPlot, LevelRecorder } = await import('./plot.ts');

const unknown = values.scenario.filter((name) => !scenarios.some((scenario) => scenario.name === name));
if (values.help || unknown.length > 0) {
  const list = scenarios.map(({ name, title }) => `  ${name.padEnd(16)}${title}\n`).join('');
  if (unknown.length > 0) process.stderr.write(`There is no scenario ${unknown.join(', ')}.\n\n`);
  process.stdout.write(`${usage}${list}`);
  process.exit(values.help ? 0 : 2);
}

if (values.ledger) {
  process.stdout.write(describeWrites(await writesOfColdStart(100_000)));
  process.exit(0);
}

const chosen = scenarios.filter(({ name }) => values.scenario.length === 0 || values.scenario.includes(name));
const firstSeed = wholeNumber('seed', values.seed);
const seeds = Array.from({ length: wholeNumber('seeds', values.seeds) }, (_, index) => firstSeed + index);
let plotted = false;
process.stdout.write(heading);
for (const seed of seeds) {
  for (const scenario of chosen) {
    const { ingresses, days } = values.fast ? scenario.fast : scenario.full;
    const size = {
      ingresses: values.ingresses === undefined ? ingresses : wholeNumber('ingresses', values.ingresses),
      days: values.days === undefined ? days : wholeNumber('days', values.days),
    };
    const levels = new LevelRecorder();
    const outcome = await run(scenario, size, {
      seed,
      onProgress: (passed) => {
        if (process.stderr.isTTY) process.stderr.write(`\r${scenario.name}: day ${passed} of ${size.days} `);
      },
      ...(values.plot === undefined || plotted ? {} : { watch: (world) => levels.record(world) }),
    });
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    process.stdout.write(row(outcome));
    if (values.plot !== undefined && !plotted) {
      await writeFile(values.plot, drawPlot(outcome, levels));
      plotted = true;
    }
    if (outcome.violations.length > 0) {
      process.exitCode = 1;
      const sizes = `--ingresses ${size.ingresses} --days ${size.days}`;
      process.stdout.write(outcome.violations.map((words) => `  ${words}\n`).join(''));
      process.stdout.write(
        `  Again: npm run simulate -- --scenario ${scenario.name} --seed ${seed} ${sizes}\n`,
      );
    }
  }
}

function wholeNumber(option: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  process.stderr.write(`--${option} takes a whole number, not ${text}.\n`);
  process.exit(2);
}
