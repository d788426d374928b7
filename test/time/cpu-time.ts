import process from 'node:process';

/** Milliseconds of this process's CPU that the work takes: other work on the machine does not show in it. */
export function cpuTime(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
