import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { processesWith } from '../local/processes.ts';
import { eventually } from '../time/eventually.ts';

describe('runs in processes of their own', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kube-lego-runs-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('end when the process that began them is ended', async () => {
    const mark = join(folder, 'runs');
    const program = join(folder, 'program.mjs');
    await writeFile(
      program,
      `import { writeFileSync } from 'node:fs';
      writeFileSync(${JSON.stringify(mark)}, '');
      setInterval(() => undefined, 1000);`,
    );
    const main = join(folder, 'main.mjs');
    const module = new URL('./runs-apart.ts', import.meta.url).href;
    await writeFile(
      main,
      `import { runApart } from ${JSON.stringify(module)};
      await runApart({ program: ${JSON.stringify(program)}, runs: [['1'], ['2']], heading: '', write: () => undefined });`,
    );
    const child = spawn(process.execPath, [main], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await eventually('one runs', () => existsSync(mark));
    child.kill('SIGTERM');
    assert.equal(await ended, 143);
    await eventually('none runs any more', () => processesWith(program).length === 0);
  });
});
