import { readdir, readFile } from 'node:fs/promises';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

/** The unit of CPU times in /proc (USER_HZ), the same on every Linux that Node runs on. */
const ticksPerSecond = 100;

interface Stat {
  readonly program: string;
  readonly parent: number;
  readonly cpuSeconds: number;
}

async function statOf(pid: number): Promise<Stat> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name of the program, in parentheses, may hold anything; ppid, utime and stime are fields 4, 14 and 15.
  const end = stat.lastIndexOf(')');
  const fields = stat.slice(end + 2).split(' ');
  return {
    program: stat.slice(stat.indexOf('(') + 1, end),
    parent: Number(fields[1]),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
  };
}

/**
 * Seconds of CPU of this process and of all that it has started, directly or not, as far as they still run, by their programs.
 * @param except the pid of one that is left out
 */
export async function cpuOfFamily(except?: number): Promise<ReadonlyMap<string, number>> {
  const stats = new Map<number, Stat>();
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    // One that has ended meanwhile has no files.
    const stat = Number.isInteger(pid) ? await statOf(pid).catch(() => undefined) : undefined;
    if (stat !== undefined) stats.set(pid, stat);
  }
  const sums = new Map<string, number>();
  for (const [pid, { program, cpuSeconds }] of stats) {
    let ancestor: number | undefined = pid;
    while (ancestor !== undefined && ancestor !== process.pid) ancestor = stats.get(ancestor)?.parent;
    if (ancestor !== undefined && pid !== except) sums.set(program, (sums.get(program) ?? 0) + cpuSeconds);
  }
  return sums;
}

/** What Linux says of a process (proc(5)); there is no such thing elsewhere. */
export class ProcessUsage {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Seconds of CPU, user and system, of all its threads since its start; to the hundredth. */
  async cpuSeconds(): Promise<number> {
    return (await statOf(this.#pid)).cpuSeconds;
  }

  /** Likewise, in so many milliseconds from now. */
  async cpuSecondsIn(milliseconds: number): Promise<number> {
    const before = await this.cpuSeconds();
    await delay(milliseconds);
    return (await this.cpuSeconds()) - before;
  }

  /** RSS in bytes. */
  residentBytes(): Promise<number> {
    return this.#bytes('VmRSS');
  }

  /** The highest RSS since the start, in bytes. */
  peakBytes(): Promise<number> {
    return this.#bytes('VmHWM');
  }

  async #bytes(field: string): Promise<number> {
    const status = await readFile(`/proc/${this.#pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
  }

  /**
   * Waits until it has used less than a tenth of a core for half a second, without polling it. An idle process is never quite still when
   * it is probed or profiled.
   * @returns the seconds of CPU before that half second
   * @throws Error after `limit` milliseconds
   */
  async untilQuiet(limit: number): Promise<number> {
    const deadline = performance.now() + limit;
    let since = performance.now();
    let spent = await this.cpuSeconds();
    while (performance.now() - since < 500) {
      if (performance.now() > deadline) {
        throw new Error(`process ${this.#pid} is still busy after ${limit / 1000} s`);
      }
      await delay(50);
      const now = await this.cpuSeconds();
      if (now - spent <= 0.05) continue;
      since = performance.now();
      spent = now;
    }
    return spent;
  }
}
