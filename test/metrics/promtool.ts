import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { toolPath } from '../../deploy/local/tools/tool-path.ts';

/**
 * Runs Prometheus' own promtool: its parser, its rules engine.
 * @param input what it reads from its standard input
 * @returns what it said
 * @throws Error with what it said, if it found fault
 */
export async function promtool(args: readonly string[], input = ''): Promise<string> {
  const run = promisify(execFile)(toolPath('promtool'), args);
  run.child.stdin?.on('error', () => undefined);
  run.child.stdin?.end(input);
  const { stdout, stderr } = await run;
  return stdout + stderr;
}
