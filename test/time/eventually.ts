import { setTimeout as pause } from 'node:timers/promises';

/** Waits until the condition holds; fails after `limit` milliseconds with what it waited for. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limit = 10_000,
): Promise<void> {
  const end = performance.now() + limit;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`After ${limit} ms still not: ${what}`);
    await pause(5);
  }
}
