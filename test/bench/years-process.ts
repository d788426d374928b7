// Two simulated years in a process of their own, see years.ts.
import process from 'node:process';
import { standInForCertificates } from '../simulation/stand-ins.ts';
import type { YearsResult, YearsTask } from './years.ts';

const { days, ingresses }: YearsTask = JSON.parse(process.argv[2] ?? '');
standInForCertificates('model');
// They hold for what is imported later.
const { scenarios } = await import('../simulation/scenarios.ts');
const { run } = await import('../simulation/run.ts');
const scenario = scenarios.find(({ name }) => name === 'two-years');
if (scenario === undefined) throw new Error('there is no scenario two-years');
const { issuances, processorSeconds, violations } = await run(
  scenario,
  { ingresses, days },
  {
    seed: 1,
    ca: 'model',
    onProgress: (day) => {
      if (day % 10 === 0) process.stderr.write(`${day}\n`);
    },
  },
);
const result: YearsResult = { issuances, processorSeconds, violations: violations.length };
process.stdout.write(JSON.stringify(result));
