// Runs the programs of the launcher, and sees to it that they end when it does, however that happens.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { LaunchError } from './errors.mjs';

const reaperScript = fileURLToPath(new URL('../reaper.sh', import.meta.url));
/** Milliseconds from a signal to SIGKILL: with all else, everything is gone within five seconds. */
const stopLimit = 2_500;
const parentInterval = 500;
/** Signals that come within this time are one: npm passes on what the terminal has sent to all of us. */
const sameSignal = 1_000;

/**
 * Runs a program to its end in a process group of its own, so that what it starts ends with it: Go's compilers, npm's
 * helpers, the test runner's processes.
 * @param options `patient`: it is asked to stop, but has all the time that it wants
 * @returns its exit code, or the signal that has ended it; and the one that has interrupted us, which the former may follow from
 */
export function run(command, args, { cwd, env, stdio = 'inherit', patient = false }) {
  return new Promise((resolve, reject) => {
    // Ready before the program is there: no signal comes in between.
    const reaper = startReaper();
    const interruption = listen((signal) => signalGroup(child.pid, signal), patient);
    const child = spawn(command, args, { cwd, env, stdio, detached: true });
    if (child.pid !== undefined) reaper.stdin.write(`watch -${child.pid}\n`);
    const finish = () => {
      interruption.end();
      signalGroup(child.pid, 'SIGKILL');
      // Not to be looked after any more: the number may be somebody else's soon.
      reaper.stdin.end(`forget -${child.pid}\n`);
    };
    child.on('error', (error) => {
      finish();
      reject(new LaunchError(`${command} could not be started: ${error.message}`));
    });
    child.on('exit', (code, signal) => {
      finish();
      const { signal: interrupted } = interruption;
      resolve({ code, signal: signal === null ? null : (interrupted ?? signal), interrupted });
    });
  });
}

/** Ends the group when we are killed in a way that leaves us no time to. */
function startReaper() {
  const reaper = spawn('/bin/sh', [reaperScript, 'TERM'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  reaper.on('error', () => undefined);
  reaper.stdin.on('error', () => undefined);
  return reaper;
}

/**
 * Takes what the terminal or npm tell us, and passes it on: the group is in a session of its own, which no terminal reaches.
 * The end of npm counts as SIGTERM.
 */
function listen(pass, patient) {
  let lastAt = Number.NEGATIVE_INFINITY;
  let killing;
  const interruption = { signal: undefined, end };
  const stop = (signal) => {
    if (performance.now() - lastAt < sameSignal) return;
    lastAt = performance.now();
    interruption.signal ??= signal;
    pass(signal);
    if (!patient) killing ??= setTimeout(() => pass('SIGKILL'), stopLimit);
  };
  const suspend = () => {
    pass('SIGSTOP');
    process.kill(process.pid, 'SIGSTOP');
  };
  const handlers = {
    SIGINT: stop,
    SIGTERM: stop,
    SIGHUP: stop,
    SIGTSTP: suspend,
    SIGCONT: pass,
    SIGWINCH: pass,
  };
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler);
  // After a Ctrl-C they may end before us.
  const watching = watchParents(() => interruption.signal ?? stop('SIGTERM'));
  function end() {
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler);
    clearInterval(watching);
    clearTimeout(killing);
  }
  return interruption;
}

/**
 * npm starts us through a shell. SIGTERM reaches npm and that shell only, SIGKILL npm only, and neither tells us: but our
 * parent is another one then, or the shell's.
 */
function watchParents(onLost) {
  // Whoever starts us without npm may mean us to outlive it.
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  const shell = process.ppid;
  const npm = parentOf(shell);
  const watching = setInterval(() => {
    if (process.ppid === shell && parentOf(shell) === npm) return;
    clearInterval(watching);
    onLost();
  }, parentInterval);
  return watching;
}

/** undefined where there is no /proc */
function parentOf(pid) {
  try {
    // proc(5): PID (NAME) STATE PPID, where the name may hold anything.
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) \S /s, '')
      .split(' ', 1)[0];
  } catch {
    return undefined;
  }
}

function signalGroup(group, signal) {
  if (group === undefined) return;
  try {
    process.kill(-group, signal);
  } catch (error) {
    // ESRCH: all of them have ended. EPERM: macOS says so of a group of zombies.
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error;
  }
}
