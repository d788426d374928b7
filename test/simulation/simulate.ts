import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { readOptions, UsageError } from './simulate-options.ts';
import { standInForCertificates } from './stand-ins.ts';

try {
  const args = process.argv.slice(2);
  const options = readOptions(args);
  standInForCertificates(options.ca);
  // They hold for what is imported later.
  const { scenarios } = await import('./scenarios.ts');
  const { plannedRuns, simulate, simulateApart } = await import('./simulation-runs.ts');
  const write = (text: string): void => void process.stdout.write(text);
  const many = !options.help && !options.ledger && plannedRuns(options, scenarios).length > 1;
  process.exitCode = many
    ? await simulateApart(fileURLToPath(import.meta.url), options, scenarios, write)
    : await simulate(args, scenarios, write);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\nSee npm run simulate -- --help.\n`);
  process.exitCode = 2;
}
