import { LocalError } from '../local-error.ts';
import { findTool, type ToolName } from './tools.mjs';

/**
 * Finds a tool: in $KUBEBUILDER_ASSETS first, then in the cache. Never builds: the launcher has built before, for it reads
 * in the code of what it launches which tools that asks for here (deploy/local/launcher/needed-tools.mjs).
 * @param name a literal, for the launcher to find
 * @throws LocalError ToolMissing
 */
export function toolPath(name: ToolName): string {
  const path = findTool(name, process.env);
  if (path !== undefined) return path;
  throw new LocalError(
    'ToolMissing',
    `${name} is neither in KUBEBUILDER_ASSETS nor in the cache. \`npm run tools\` builds it, and so do npm test, npm run demo ` +
      'and npm run bench before they start.',
  );
}
