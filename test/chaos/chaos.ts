import process from 'node:process';
import { UsageError } from '../simulation/simulate-options.ts';
import type { ChaosPart } from './part.ts';

interface Listed {
  /** A line of the help. */
  readonly summary: string;
  /** Whether it runs when no part is named. */
  readonly usual: boolean;
  readonly load: () => Promise<ChaosPart>;
}

const parts: Readonly<Record<string, Listed>> = {
  faults: {
    summary: 'breaks requests and watches, cuts the leader off, stops the API server',
    usual: true,
    load: async () => (await import('./faults.ts')).faults,
  },
  soak: {
    summary: 'Ingresses come and go for half an hour, certificates live for minutes',
    usual: false,
    load: async () => (await import('./soak.ts')).soak,
  },
  fuzz: {
    summary: 'damages what comes in from outside: requests, answers of the CA, documents, Secrets',
    usual: true,
    load: async () => (await import('./fuzz/fuzz.ts')).fuzz,
  },
  kill: {
    summary: 'kills the process that leads at each request of an issuance and a renewal',
    usual: true,
    load: async () => (await import('./kill.ts')).kill,
  },
  'split-brain': {
    summary: 'stops the process that leads, and lets it go on when the other one leads',
    usual: true,
    load: async () => (await import('./split-brain.ts')).splitBrain,
  },
};

const seeHelp = 'See npm run test:chaos -- --help.\n';

const help = `npm run test:chaos [-- PART [OPTIONS OF THE PART]]

Breaks kube-lego, as it is shipped, on a real API server and a CA that counts, everything on this machine. What came of it is judged
by the API server's audit log and the CA's record. Without a part: all that are marked with *, one after the other.

${Object.entries(parts)
  .map(([name, { summary, usual }]) => `  ${usual ? '*' : ' '} ${name.padEnd(12)} ${summary}\n`)
  .join('')}
  npm run test:chaos -- PART --help   the options of a part

Exit code: 0 when everything held; 1 when something did not, with the command that repeats it; 2 for a wrong option.`;

const write = (text: string): void => void process.stdout.write(text);

/** @returns whether everything held */
async function run(args: readonly string[]): Promise<boolean> {
  const [name, ...rest] = args;
  if (name === undefined) {
    let held = true;
    for (const { usual, load } of Object.values(parts)) {
      if (usual) held = (await (await load()).run([], write)) && held;
    }
    return held;
  }
  const listed = Object.hasOwn(parts, name) ? parts[name] : undefined;
  if (name === '--help') write(`${help}\n`);
  else if (listed === undefined) {
    throw new UsageError(`There is no part ${name}; there are: ${Object.keys(parts).join(', ')}.`);
  } else if (rest.includes('--help')) write(`${(await listed.load()).help}\n`);
  else return (await listed.load()).run(rest, write);
  return true;
}

try {
  process.exitCode = (await run(process.argv.slice(2))) ? 0 : 1;
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n${seeHelp}`);
  process.exitCode = 2;
}
