import { spawn } from 'node:child_process';

/** The static checks: types, lint, rooms (which may import which), format. All run at once; all are shown. */
const checks = {
  types: ['tsc', '-p', '.'],
  'types of the page': ['tsc', '-p', 'src/inspector/page'],
  lint: ['oxlint', '--type-aware', '--deny-warnings'],
  rooms: ['node', 'test/rooms/check-rooms.ts'],
  format: ['biome', 'check', '--error-on-warnings'],
};

const results = await Promise.all(Object.entries(checks).map(([name, command]) => run(name, command)));
process.exitCode = results.every((passed) => passed) ? 0 : 1;

async function run(name: string, [command = '', ...args]: string[]): Promise<boolean> {
  const started = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? 'passed' : 'FAILED'}: ${name} (${seconds} s)\n`);
  if (code !== 0) process.stdout.write(Buffer.concat(output));
  return code === 0;
}
