import process from 'node:process';
import { readOptions, UsageError } from './simulate-options.ts';
import { standInForCertificates, standInForThreads } from './stand-ins.ts';

try {
  const args = process.argv.slice(2);
  if (readOptions(args).ca === 'strict') standInForThreads();
  else standInForCertificates();
  // They hold for what is imported later.
  const { scenarios } = await import('./scenarios.ts');
  const { simulate } = await import('./simulation-runs.ts');
  process.exitCode = await simulate(args, scenarios, (text) => void process.stdout.write(text));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\nSee npm run simulate -- --help.\n`);
  process.exitCode = 2;
}
