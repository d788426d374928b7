import { type GoCommand, runGo } from './go.ts';
import { type ProgramName, type ProgramRecipe, recipes } from './tools.mjs';

/** One program that is to be built. */
export interface Step {
  readonly name: ProgramName;
  readonly recipe: ProgramRecipe;
  /** import paths of what Go has to compile for it: what neither its cache holds nor an earlier step compiles */
  readonly packages: ReadonlySet<string>;
}

/**
 * Asks Go what has to be compiled for each of the programs; downloads their modules, if need be.
 * @throws LocalError BuildFailed
 */
export async function planBuild(
  names: readonly ProgramName[],
  go: Pick<GoCommand, 'environment' | 'onDownload'>,
): Promise<readonly Step[]> {
  const modules = Map.groupBy(names, (name) => recipes[name].module);
  const listings = new Map<string, Listing>();
  for (const [module, members] of modules) listings.set(module, await list(module, members, go));
  // Modules share what they have in one version, as all of the standard library.
  const planned = new Set<string>();
  return names.map((name) => {
    const recipe = recipes[name];
    const { missing, closures } = listings.get(recipe.module) ?? emptyListing;
    const needed = [...(closures.get(recipe.package) ?? []), recipe.package].flatMap((path) => {
      const folder = missing.get(path);
      return folder === undefined || planned.has(folder) ? [] : [{ path, folder }];
    });
    for (const { folder } of needed) planned.add(folder);
    return { name, recipe, packages: new Set(needed.map(({ path }) => path)) };
  });
}

interface Listing {
  /** folder by import path of the packages that are not in Go's cache */
  readonly missing: ReadonlyMap<string, string>;
  /** what each program imports, directly or not */
  readonly closures: ReadonlyMap<string, readonly string[]>;
}

const emptyListing: Listing = { missing: new Map(), closures: new Map() };

/** One line for each package: its path and folder if it has to be compiled, then for a program what it imports. */
const format =
  '{{.ImportPath}}\t{{if .Stale}}{{.Dir}}{{end}}\t{{if not .DepOnly}}{{range .Deps}}{{.}} {{end}}{{end}}';

async function list(
  module: string,
  names: readonly ProgramName[],
  go: Pick<GoCommand, 'environment' | 'onDownload'>,
): Promise<Listing> {
  const flags = names.slice(0, 1).flatMap((name) => recipes[name].flags);
  const packages = names.map((name) => recipes[name].package);
  const args = ['list', '-mod=readonly', '-trimpath', ...flags, '-deps', '-f', format, ...packages];
  const lines = (await runGo({ ...go, module, args })).trimEnd().split('\n');
  const missing = new Map<string, string>();
  const closures = new Map<string, readonly string[]>();
  for (const line of lines) {
    const [path = '', folder = '', imports = ''] = line.split('\t');
    if (folder !== '') missing.set(path, folder);
    if (imports !== '') closures.set(path, imports.trimEnd().split(' '));
  }
  return { missing, closures };
}
