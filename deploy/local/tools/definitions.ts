import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalError } from '../local-error.ts';
import { runGo } from './go.ts';
import type { DefinitionsRecipe } from './tools.mjs';

/**
 * Has Go download a module, verified by its go.sum, and reads the recipe's files out of it.
 * @returns one YAML text
 * @throws LocalError BuildFailed
 */
export async function fetchDefinitions(
  { module, download, files }: DefinitionsRecipe,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  // By itself Go would fetch a newer Go for a module that asks for it.
  const go = { module, environment: { ...environment, GOTOOLCHAIN: 'local' } };
  try {
    await runGo({ ...go, args: ['mod', 'download', download] });
  } catch (error) {
    // What Go says of a module that only a newer Go could compile, once it has downloaded and verified it.
    if (!(error instanceof LocalError && /requires go >= \d/.test(error.message))) throw error;
  }
  // Upper-case letters would be escaped in there (`go help goproxy`): no module that we use has any.
  const folder = join((await runGo({ ...go, args: ['env', 'GOMODCACHE'] })).trim(), download);
  try {
    return (await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))).join('\n---\n');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LocalError('BuildFailed', `${download} does not hold what is looked for: ${reason}`, {
      cause: error,
    });
  }
}
