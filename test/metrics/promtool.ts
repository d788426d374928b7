import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** Milliseconds. The first time Go builds it: about two minutes on two cores of their own. */
export const promtoolLimit = 20 * 60_000;

/**
 * Runs Prometheus' own promtool: its parser, its rules engine. Go builds it from test/metrics/promtool/go.mod and keeps it in
 * its build cache; service discovery, which is most of it, is left out. `PROMTOOL` names one that is there already.
 *
 * @param args paths in it are absolute
 * @returns what it said
 * @throws Error with what it said, if it found fault
 */
export async function promtool(args: readonly string[], input = ''): Promise<string> {
  const ready = process.env['PROMTOOL'];
  const [command = '', ...prefix] = ready === undefined ? ['go', 'tool', 'promtool'] : [ready];
  const child = spawn(command, [...prefix, ...args], {
    cwd: join(import.meta.dirname, 'promtool'),
    env: {
      ...process.env,
      CGO_ENABLED: '0',
      GOARCH: undefined,
      GOFLAGS: '-tags=remove_all_sd',
      GOOS: undefined,
      GOWORK: 'off',
    },
    timeout: promtoolLimit,
  });
  // Building it must not slow down the tests beside it, which have time limits.
  if (child.pid !== undefined) setPriority(child.pid, 10);
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  const [code, output, complaints] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code !== 0) throw new Error(`promtool ${args.join(' ')} ended with ${code}:\n${output}${complaints}`);
  return output + complaints;
}
