// Plain JavaScript for Node 20, because the launcher has to know before it installs a newer Node whether Go is needed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** In the order in which they are built: the quick ones first, so that an interrupted build has something to show. */
export const serverNames = ['pebble', 'pebble-challtestsrv', 'etcd', 'kube-apiserver'];

const oldestGo = { major: 1, minor: 26 };

/** `$XDG_CACHE_HOME/kube-lego/servers`, or the same under ~/.cache (XDG Base Directory Specification). */
export function cacheRoot(environment) {
  const configured = environment.XDG_CACHE_HOME;
  // The specification says to ignore a path that is not absolute.
  const base =
    configured !== undefined && isAbsolute(configured)
      ? configured
      : join(environment.HOME ?? homedir(), '.cache');
  return join(base, 'kube-lego', 'servers');
}

/** Changes with every change of go.mod or go.sum, so that a cached binary is always the one that they describe. */
export function cacheFolder(environment) {
  const hash = createHash('sha256');
  for (const name of ['go.mod', 'go.sum'])
    hash.update(readFileSync(fileURLToPath(new URL(name, import.meta.url))));
  return join(
    cacheRoot(environment),
    `${hash.digest('hex').slice(0, 16)}-${process.platform}-${process.arch}`,
  );
}

/** Looks for each server in $KUBEBUILDER_ASSETS first, then in the cache. */
export function findServers(environment) {
  const folders = [environment.KUBEBUILDER_ASSETS, cacheFolder(environment)].filter((folder) => folder);
  const found = {};
  const missing = [];
  for (const name of serverNames) {
    const path = folders.map((folder) => join(folder, name)).find(isExecutable);
    if (path === undefined) missing.push(name);
    else found[name] = path;
  }
  return { found, missing };
}

/** What keeps Go from building the servers, with the remedy; undefined if nothing does. */
export function goProblem(environment, missing) {
  const wanted = `${oldestGo.major}.${oldestGo.minor}`;
  const remedy =
    `Install Go ${wanted} or newer (https://go.dev/dl/) and make sure that \`go\` is in PATH, or set KUBEBUILDER_ASSETS ` +
    `to a folder that holds ${missing.join(', ')}.`;
  const purpose = `Go ${wanted} is needed once, to build the servers that tests and demo run against (${missing.join(', ')})`;
  // Not in deploy/local, where GOTOOLCHAIN=auto would fetch a newer Go behind the user's back.
  const run = spawnSync('go', ['version'], {
    cwd: tmpdir(),
    env: environment,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (run.error?.code === 'ENOENT') return `${purpose}, and there is no \`go\` in PATH. ${remedy}`;
  const version = /\bgo(\d+)\.(\d+)/.exec(run.stdout ?? '');
  if (version === null) {
    const detail = (run.stderr || run.error?.message || 'it says nothing').trim();
    return `${purpose}, but \`go version\` does not work here: ${detail}. ${remedy}`;
  }
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major > oldestGo.major || (major === oldestGo.major && minor >= oldestGo.minor)) return undefined;
  return `${purpose}, and the \`go\` in PATH is ${major}.${minor}. ${remedy}`;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
