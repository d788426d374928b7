import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { BuildProgress } from './build-progress.ts';
import { LocalError } from './local-error.ts';
import { Reaper } from './reaper.ts';
import { cacheFolder, cacheRoot, findServers, type ServerName } from './server-binaries.mjs';

/** Built plainly, the API server says that its version is v0.0.0, which some clients refuse. */
const versionFlag = '-X k8s.io/component-base/version.gitVersion=v1.36.3';

/** Go package of each server, and about how long its build takes on 2 cores with nothing cached, in milliseconds. */
const recipes: Readonly<Record<ServerName, { package: string; expected: number }>> = {
  pebble: { package: 'github.com/letsencrypt/pebble/v2/cmd/pebble', expected: 40_000 },
  'pebble-challtestsrv': {
    package: 'github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv',
    expected: 3_000,
  },
  etcd: { package: 'go.etcd.io/etcd/server/v3', expected: 40_000 },
  'kube-apiserver': { package: 'k8s.io/kubernetes/cmd/kube-apiserver', expected: 240_000 },
};

const heartbeat = 5_000;
/** A build whose mark is older than this has died. */
const staleAfter = 30_000;
const unfinishedPrefix = '.unfinished-';
const waitLimit = 30 * 60_000;

const readme = `kube-lego's test servers: kube-apiserver, etcd, pebble and pebble-challtestsrv, built by Go from
deploy/local/go.mod of the kube-lego repository. One folder for each version of that file. Nothing but kube-lego's
own tests, demo and benchmark uses them; delete this folder whenever you like, they will be built again.
`;

/**
 * Builds the named servers into the cache, one after another, with their progress on `output`. Waits when another
 * process is already doing so. Each program appears under its name only when it is complete, so neither an interrupted
 * build nor two at the same time leave a broken one; what is complete stays when a later one fails.
 * @throws LocalError BuildFailed
 */
export async function buildServers(
  names: readonly ServerName[],
  output: NodeJS.WriteStream,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  const folder = cacheFolder(environment);
  await mkdir(folder, { recursive: true });
  await writeFile(join(cacheRoot(environment), 'README'), readme);
  const mark = join(folder, '.building');
  await takeTurn(mark, output);
  const beating = setInterval(() => void touch(mark), heartbeat);
  const reaper = new Reaper();
  try {
    await removeUnfinished(folder);
    // Whoever had the turn before may have built them.
    const missing = new Set(findServers(environment).missing);
    const steps = names.filter((name) => missing.has(name));
    if (steps.length > 0) {
      const minutes = Math.ceil(steps.reduce((sum, name) => sum + recipes[name].expected, 0) / 60_000);
      output.write(
        `The test servers are built with Go, once, into ${folder}: about ${minutes} min on 2 cores\n`,
      );
    }
    for (const [index, name] of steps.entries()) {
      const progress = new BuildProgress(
        output,
        `[${index + 1}/${steps.length}] ${name}`,
        recipes[name].expected,
      );
      await build({ name, folder, environment, progress, reaper });
    }
  } finally {
    clearInterval(beating);
    await rm(mark, { force: true });
    await reaper.end();
  }
}

interface Build {
  readonly name: ServerName;
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly progress: BuildProgress;
  readonly reaper: Reaper;
}

async function build({ name, folder, environment, progress, reaper }: Build): Promise<void> {
  const unfinished = join(folder, `${unfinishedPrefix}${name}-${randomUUID()}`);
  const flags = ['-v', '-mod=readonly', '-trimpath', `-ldflags=-s -w ${versionFlag}`];
  const child = spawn('go', ['build', ...flags, '-o', unfinished, recipes[name].package], {
    cwd: import.meta.dirname,
    env: buildEnvironment(environment),
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (child.pid !== undefined) reaper.watch(child.pid);
  const complaints: string[] = [];
  let compiled = 0;
  let downloaded = 0;
  createInterface({ input: child.stderr }).on('line', (line) => {
    // -v names each package as it is compiled, a path without blanks; `go: downloading` each module.
    if (line.startsWith('go: downloading ')) downloaded += 1;
    else if (/^[\w./~-]+$/.test(line)) compiled += 1;
    else complaints.push(line);
    progress.detail = `${downloaded === 0 ? '' : `${downloaded} modules downloaded, `}${compiled} packages compiled`;
  });
  try {
    const failure = await new Promise<string | undefined>((resolve) => {
      child.on('error', (error) => resolve(error.message));
      child.on('close', (code, signal) =>
        resolve(code === 0 ? undefined : `go ended with ${code ?? signal}`),
      );
    });
    if (child.pid !== undefined) reaper.forget(child.pid);
    if (failure !== undefined) {
      progress.end('failed');
      throw new LocalError(
        'BuildFailed',
        `Building ${name} failed: ${failure}.\n${complaints.slice(-20).join('\n')}\n` +
          'Go downloads modules the first time: check the network and `go env GOPROXY`, then run the same command again.',
      );
    }
    await rename(unfinished, join(folder, name));
    progress.end('done');
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** The user's Go settings for network and caches stay; those that would change what is built go. */
function buildEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...environment,
    CGO_ENABLED: '0',
    GOARCH: undefined,
    GOFLAGS: undefined,
    GOOS: undefined,
    GOWORK: 'off',
  };
}

/** Waits until no living build holds the mark, then takes it. */
async function takeTurn(mark: string, output: NodeJS.WriteStream): Promise<void> {
  const deadline = performance.now() + waitLimit;
  let told = false;
  while (performance.now() < deadline) {
    if (await create(mark)) return;
    // Two who both find it stale may both build: wasteful, but harmless.
    if (await isStale(mark)) await rm(mark, { force: true });
    else {
      if (!told) output.write('Another process is building the test servers: waiting for it.\n');
      told = true;
      await delay(1_000);
    }
  }
  throw new LocalError(
    'BuildFailed',
    `Another process has been building the test servers for ${waitLimit / 60_000} minutes. If there is none, delete ${mark}.`,
  );
}

/** What a build that was killed left behind. Only whoever holds the mark may do this. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(unfinishedPrefix)) await rm(join(folder, name), { force: true });
  }
}

async function create(mark: string): Promise<boolean> {
  try {
    await writeFile(mark, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(mark: string): Promise<boolean> {
  try {
    const [{ mtimeMs }, holder] = await Promise.all([stat(mark), readFile(mark, 'utf8')]);
    // The holder has no number yet when it has only just made the file.
    return Date.now() - mtimeMs > staleAfter || (holder !== '' && !isRunning(Number(holder)));
  } catch {
    return false; // it has gone, or is about to
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined);
}
