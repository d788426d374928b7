import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bundledProgram } from '../../deploy/local/launcher/bundled-program.mjs';

describe('the folder of the bundled program', () => {
  let root: string;
  const write = async (file: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), text);
  };

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'kube-lego-bundled-'));
    const files = ['LICENSE', 'bin/kube-lego', 'deploy/image/Dockerfile', 'machines/a/a.ts', 'src/main.ts'];
    for (const file of [...files, 'package.json', 'package-lock.json', 'tsconfig.json', 'test/a.test.ts'])
      await write(file, '');
  });
  after(() => rm(root, { recursive: true }));

  test('is another one after each change of what goes into it', async () => {
    const seen = [bundledProgram(root)];
    const changes = [
      () => write('src/main.ts', '1'),
      () => write('src/inspector/page/list.css', ''),
      () => rename(join(root, 'machines/a/a.ts'), join(root, 'machines/a/b.ts')),
      () => write('package-lock.json', '{}'),
      () => write('tsconfig.json', '{}'),
      () => write('bin/kube-lego', 'exec node'),
      () => rm(join(root, 'src/inspector/page/list.css')),
    ];
    for (const change of changes) {
      await change();
      seen.push(bundledProgram(root));
    }
    assert.equal(new Set(seen).size, changes.length + 1);
  });

  test('stays the same whatever else changes', async () => {
    const folder = bundledProgram(root);
    await write('test/a.test.ts', '1');
    await write('docs/a.md', '');
    assert.equal(bundledProgram(root), folder);
  });
});
