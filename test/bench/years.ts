import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Bench } from './stage.ts';
import type { Row } from './table.ts';

const program = fileURLToPath(new URL('years-process.ts', import.meta.url));
const days = 730;
const ingresses = 5000;
/** Seconds of CPU. */
const goal = 480;

/** What the process is told, as JSON in its only argument. */
export interface YearsTask {
  readonly ingresses: number;
  readonly days: number;
}

/** What it writes. */
export interface YearsResult {
  readonly issuances: number;
  readonly processorSeconds: number;
  readonly violations: number;
}

/** Two simulated years at the model of the CA, as `npm run simulate -- --scenario two-years`. */
export async function measureYears(bench: Bench, task: YearsTask = { ingresses, days }): Promise<Row[]> {
  const { issuances, processorSeconds, violations } = await simulate(bench, task);
  return [
    {
      what: `two simulated years of ${task.ingresses} Ingresses`,
      peer: '–',
      goal: '≤ 8 min of CPU',
      measured: `${(processorSeconds / 60).toFixed(1)} min of CPU for ${issuances} certificates, ${violations} violations`,
      met: processorSeconds <= goal && violations === 0,
    },
  ];
}

async function simulate({ environment, progress }: Bench, task: YearsTask): Promise<YearsResult> {
  const child = spawn(process.execPath, [program, JSON.stringify(task)], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (/^\d+$/.test(line)) progress(`day ${line} of ${task.days}`);
    else said += `${line}\n`;
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (code !== 0) throw new Error(`the simulation has failed: ${said}`);
  const result: YearsResult = JSON.parse(output);
  return result;
}
