import process from 'node:process';
import { UsageError } from './simulate-options.ts';
import { standInForCertificates } from './stand-ins.ts';

standInForCertificates();
// They hold for what is imported later.
const { scenarios } = await import('./scenarios.ts');
const { simulate } = await import('./simulation-runs.ts');

try {
  process.exitCode = await simulate(
    process.argv.slice(2),
    scenarios,
    (text) => void process.stdout.write(text),
  );
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\nSee npm run simulate -- --help.\n`);
  process.exitCode = 2;
}
