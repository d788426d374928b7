// What every npm script goes through, on a fresh clone too: installs the npm packages when they are missing or stale, finds
// a Node that runs TypeScript, builds the tools that the program asks for, bundles kube-lego if it starts that, then runs it. Called by
// deploy/local/launch.mjs and test/run.mjs. This folder is plain JavaScript without dependencies, for Node 20.
import { existsSync, utimesSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { findTool, goProblem } from '../tools/tools.mjs';
import { bundledProgram } from './bundled-program.mjs';
import { LaunchError } from './errors.mjs';
import { needs } from './needed-tools.mjs';
import { run } from './processes.mjs';
import { findNode, installDependencies } from './setup.mjs';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Runs Node, and ends this process as Node has ended. What a person can mend is told on standard error.
 * @param prepare returns `nodeArguments`, `programs` (absolute paths of the files that these run), and whether it is `patient`
 *   (see `run`); throws LaunchError
 */
export async function launch(prepare) {
  try {
    const { code, signal } = await start(prepare());
    // Whoever called us sees the same end as if the program had been called directly.
    if (signal === null) process.exitCode = code;
    else process.kill(process.pid, signal);
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

async function start({ nodeArguments, programs, patient }) {
  // What can only fail comes before what takes time.
  const needed = needs(programs);
  const missing = needed.tools.filter((name) => findTool(name, process.env) === undefined);
  const problem = missing.length === 0 ? undefined : goProblem(missing, process.env);
  if (problem !== undefined) throw new LaunchError(problem);
  const interruption = await installDependencies(root);
  if (interruption !== undefined) return { signal: interruption };
  const node = findNode(root);
  const path = [join(root, 'node_modules/.bin'), dirname(node), process.env.PATH];
  // Stripping types and compiling is most of what a start costs, and tests start hundreds of processes.
  const compiled = process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules/.cache/kube-lego');
  const env = { ...process.env, PATH: path.join(delimiter), NODE_COMPILE_CACHE: compiled };
  if (missing.length > 0) {
    const prepared = await run(node, [join(root, 'deploy/local/tools/prepare.ts'), ...missing], { env });
    if (prepared.code !== 0) return prepared;
  }
  if (needed.program) {
    env.KUBE_LEGO_PROGRAM = bundledProgram(root);
    if (existsSync(env.KUBE_LEGO_PROGRAM)) utimesSync(env.KUBE_LEGO_PROGRAM, new Date(), new Date());
    else {
      const bundled = await run(node, [join(root, 'deploy/image/bundle.ts'), env.KUBE_LEGO_PROGRAM], { env });
      if (bundled.code !== 0) return bundled;
    }
  }
  return run(node, nodeArguments, { env, patient });
}
