import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocalError } from '../local-error.ts';
import { fetchDefinitions } from './definitions.ts';
import { runGo } from './go.ts';
import { Pace } from './pace.ts';
import { planBuild, type Step } from './plan.ts';
import { duration, Progress, roughly } from './progress.ts';
import {
  cachePath,
  cacheRoot,
  type DefinitionsName,
  findTool,
  type ProgramName,
  recipes,
  type ToolName,
  toolNames,
} from './tools.mjs';
import { takeTurn } from './turn.ts';

const unfinishedPrefix = '.unfinished-';

const readme = `Programs that kube-lego's tests, demo and benchmark run, and definitions of kinds for its API servers, made by Go from the
modules in deploy/local/tools of the kube-lego repository: one folder for each version of a module. Nothing else uses them. Delete this folder whenever you
like: they will be built again.
`;

/**
 * Makes those of the tools that are missing in the cache, one after another, with what is going on told on `output`.
 * Waits when another process is doing so. Each program appears under its name only when it is complete, so neither an
 * interrupted build nor two at the same time leave a broken one; what is complete stays when a later one fails.
 * @throws LocalError BuildFailed
 */
export async function buildTools(
  names: readonly ToolName[],
  output: NodeJS.WriteStream,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const root = await openCache(environment);
  await using _turn = await takeTurn(join(root, '.building'), output);
  await removeUnfinished(root);
  // Whoever had the turn before may have built them.
  const missing = toolNames.filter(
    (name) => names.includes(name) && findTool(name, environment) === undefined,
  );
  if (missing.length === 0) return;
  output.write(`Building ${missing.join(', ')} with Go, once, into ${root}\n`);
  const startedAt = performance.now();
  const titles = new Map(missing.map((name, index) => [name, `[${index + 1}/${missing.length}] ${name}`]));
  const title = (name: ToolName): string => titles.get(name) ?? name;
  for (const name of missing.filter(isDefinitions)) {
    await fetch({ name, title: title(name), output, environment });
  }
  const steps = await plan(missing.filter(isProgram), output, environment);
  const total = steps.reduce((sum, { packages }) => sum + packages.size, 0);
  const pace = new Pace(total, performance.now());
  for (const step of steps) await build({ step, title: title(step.name), output, environment, pace });
  output.write(`All built in ${duration(performance.now() - startedAt)}; later runs start at once\n`);
}

function isDefinitions(name: ToolName): name is DefinitionsName {
  return 'download' in recipes[name];
}

function isProgram(name: ToolName): name is ProgramName {
  return 'package' in recipes[name];
}

async function openCache(environment: NodeJS.ProcessEnv): Promise<string> {
  const root = cacheRoot(environment);
  try {
    await mkdir(root, { recursive: true });
    await writeFile(join(root, 'README'), readme);
    return root;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LocalError(
      'BuildFailed',
      `Nothing can be written to the cache: ${reason}. Set XDG_CACHE_HOME to another folder.`,
      { cause: error },
    );
  }
}

async function plan(
  names: readonly ProgramName[],
  output: NodeJS.WriteStream,
  environment: NodeJS.ProcessEnv,
): Promise<readonly Step[]> {
  if (names.length === 0) return [];
  let downloaded = 0;
  const state = (): string => (downloaded === 0 ? 'asking Go' : `${downloaded} modules downloaded`);
  const progress = new Progress(output, 'What there is to compile', state);
  try {
    const steps = await planBuild(names, { environment, onDownload: () => (downloaded += 1) });
    const total = steps.reduce((sum, { packages }) => sum + packages.size, 0);
    progress.end('done', `${downloaded === 0 ? '' : `${downloaded} modules downloaded, `}${total} packages`);
    return steps;
  } catch (error) {
    progress.end('failed');
    throw error;
  }
}

interface Making {
  readonly title: string;
  readonly output: NodeJS.WriteStream;
  readonly environment: NodeJS.ProcessEnv;
}

interface Build extends Making {
  readonly step: Step;
  readonly pace: Pace;
}

async function fetch(making: Making & { readonly name: DefinitionsName }): Promise<void> {
  const { name, title, output, environment } = making;
  const progress = new Progress(output, title, () => 'downloading');
  await makeFile(name, progress, environment, async (unfinished) => {
    await writeFile(unfinished, await fetchDefinitions(recipes[name], environment));
  });
}

async function build({ step, title, output, environment, pace }: Build): Promise<void> {
  const { name, recipe, packages } = step;
  const begun = new Set<string>();
  const state = (): string => {
    const left = pace.left(performance.now());
    const time = left === undefined ? '' : `, ${roughly(left)} left in all`;
    // The last one is the program itself.
    const linking = packages.size === 1 || begun.size === packages.size;
    return `${linking ? 'linking' : `${begun.size} of ${packages.size} packages`}${time}`;
  };
  const progress = new Progress(output, title, state);
  const onPackage = (path: string): void => {
    if (!packages.has(path) || begun.has(path)) return;
    begun.add(path);
    pace.add();
  };
  await makeFile(name, progress, environment, async (unfinished) => {
    const args = [
      'build',
      '-v',
      '-mod=readonly',
      '-trimpath',
      ...recipe.flags,
      '-o',
      unfinished,
      recipe.package,
    ];
    await runGo({ module: recipe.module, args, environment, onPackage });
    // What Go has found in its cache after all counts as well.
    pace.add(packages.size - begun.size);
  });
}

/** Has a file written under another name, and gives it its own when it is complete. */
async function makeFile(
  name: ToolName,
  progress: Progress,
  environment: NodeJS.ProcessEnv,
  write: (unfinished: string) => Promise<void>,
): Promise<void> {
  const finished = cachePath(name, environment);
  const unfinished = join(cacheRoot(environment), `${unfinishedPrefix}${name}-${randomUUID()}`);
  try {
    await write(unfinished);
    await mkdir(dirname(finished), { recursive: true });
    await rename(unfinished, finished);
    progress.end('done');
  } catch (error) {
    progress.end('failed');
    if (!(error instanceof LocalError)) throw error;
    throw new LocalError(error.code, `Building ${name} failed: ${error.message}`, { cause: error });
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** What a build that was killed left behind. Only whoever has the turn may do this. */
async function removeUnfinished(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (name.startsWith(unfinishedPrefix)) await rm(join(root, name), { force: true });
  }
}
