import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { LocalError } from '../local-error.ts';

const heartbeat = 5_000;
/** A build whose mark is older than this has died. */
const staleAfter = 30_000;
const waitLimit = 30 * 60_000;

/**
 * Waits until no living process builds into the cache, then keeps others waiting until it is disposed of: one build at a
 * time has both cores, and the second one finds what the first has built.
 * @param mark path of the file that says so
 * @throws LocalError BuildFailed, when the other one takes half an hour
 */
export async function takeTurn(mark: string, output: NodeJS.WriteStream): Promise<AsyncDisposable> {
  const deadline = performance.now() + waitLimit;
  let told = false;
  while (!(await create(mark))) {
    if (performance.now() > deadline) {
      throw new LocalError(
        'BuildFailed',
        `Another process has been building tools for ${waitLimit / 60_000} minutes. If there is none, delete ${mark}.`,
      );
    }
    // Two who both find it stale may both build: wasteful, but harmless.
    if (await isStale(mark)) await rm(mark, { force: true });
    else {
      if (!told) output.write('Another process is building tools: waiting for it.\n');
      told = true;
      await delay(1_000);
    }
  }
  const beating = setInterval(() => void touch(mark), heartbeat);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(beating);
      await rm(mark, { force: true });
    },
  };
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
