import { readFile } from 'node:fs/promises';

/** The files of a container's memory controller (cgroup v2, then v1): limit, use, statistics, and the page cache that it gives up. */
const controllers = [
  {
    limit: '/sys/fs/cgroup/memory.max',
    used: '/sys/fs/cgroup/memory.current',
    statistics: '/sys/fs/cgroup/memory.stat',
    cache: /^inactive_file (\d+)$/m,
  },
  {
    limit: '/sys/fs/cgroup/memory/memory.limit_in_bytes',
    used: '/sys/fs/cgroup/memory/memory.usage_in_bytes',
    statistics: '/sys/fs/cgroup/memory/memory.stat',
    cache: /^total_inactive_file (\d+)$/m,
  },
] as const;
/** What cgroup v1 has for none. */
const noLimit = 2 ** 50;

/**
 * Bytes that the processes of this container may use besides what they use; undefined without a limit.
 * @param read the text of a file; rejects if there is none
 */
export async function memoryLeft(
  read: (path: string) => Promise<string> = (path) => readFile(path, 'utf8'),
): Promise<number | undefined> {
  for (const { limit, used, statistics, cache } of controllers) {
    try {
      const [most, now] = [Number(await read(limit)), Number(await read(used))];
      const [, reclaimable = '0'] = cache.exec(await read(statistics)) ?? [];
      if (most < noLimit && now >= 0) return Math.max(0, most - now + Number(reclaimable));
    } catch {
      // Not this version of cgroups.
    }
  }
  return undefined;
}
