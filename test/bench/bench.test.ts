import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { measureYears } from './years.ts';

const program = fileURLToPath(new URL('bench.ts', import.meta.url));

describe('npm run bench', () => {
  test('ends with status 1, and names the part, when a part could not be measured', async () => {
    await using empty = await mkdtempDisposable(join(tmpdir(), 'bench-'));
    // Without servers: each part fails as soon as it begins.
    const { status, stdout, stderr } = bench(['one', '--only', 'waits'], empty.path);
    assert.match(stdout, /not measured: \S+ is neither in/);
    assert.match(stderr, /^Could not be measured: waits, one\. /m);
    assert.equal(status, 1);
  });

  test('measures two simulated years in a process of their own, here some days', async () => {
    const [row] = await measureYears(
      { progress: () => undefined, environment: {} },
      { ingresses: 5, days: 90 },
    );
    assert.match(row?.measured ?? '', /^[\d.]+ min of CPU for [1-9]\d* certificates, 0 violations$/);
  });

  test('ends with status 2 for a part that there is not', () => {
    const { status, stderr } = bench(['two'], tmpdir());
    assert.match(stderr, /^There is no part two; there are: one, burst, /);
    assert.equal(status, 2);
  });
});

function bench(
  args: readonly string[],
  cache: string,
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: process.env['PATH'], XDG_CACHE_HOME: cache },
  });
}
