import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits until the condition holds; fails after `limit` milliseconds with what it waited for. The default is for machines that are several
 * times slower than a developer's: only a failure takes so long.
 */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limit = 60_000,
): Promise<void> {
  const begin = performance.now();
  while (!(await condition())) {
    const waited = performance.now() - begin;
    if (waited > limit) throw new Error(`After ${limit} ms still not: ${what}`);
    // The longer it takes, the rarer the look: most conditions ask a server, which has work to do on the same cores.
    await pause(Math.min(10 + waited / 8, 500));
  }
}
