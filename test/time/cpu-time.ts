import process from 'node:process';

/** Milliseconds of CPU of this thread that the work takes: other work on the machine does not show in it, as it does in the clock. */
export function cpuTime(work: () => unknown): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}
