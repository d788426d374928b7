import { LocalError } from '../local-error.ts';
import { buildTools } from './build.ts';
import { findTool, goProblem, isToolName, toolNames } from './tools.mjs';

// Builds the named tools, or all. The launcher runs it before a program that needs them; `npm run tools` by itself.
const named = process.argv.slice(2).filter(isToolName);
const names = named.length === 0 ? toolNames : named;

try {
  const missing = names.filter((name) => findTool(name, process.env) === undefined);
  const problem = missing.length === 0 ? undefined : goProblem(missing, process.env);
  if (problem !== undefined) throw new LocalError('GoMissing', problem);
  await buildTools(missing, process.stderr, process.env);
} catch (error) {
  if (!(error instanceof LocalError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
