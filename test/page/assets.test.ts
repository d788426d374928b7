import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { assets } from '../../src/inspector/page/assets.ts';
import { pageFile } from '../../src/inspector/page-file.ts';

const folder = new URL('../../src/inspector/page/', import.meta.url);
const ofTheServer = new Set(['assets.ts', 'files.ts', 'tsconfig.json']);

describe('what the inspector page consists of', () => {
  it('is listed, and what is listed is there', async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile() && !ofTheServer.has(entry.name))
      .map(({ name, parentPath }) => relative(fileURLToPath(folder), join(parentPath, name)));
    assert.deepEqual(new Set(assets.keys()), new Set(files));
  });

  it('is all that can be had', async () => {
    assert.ok((await pageFile('/'))?.headers['content-type']?.startsWith('text/html'));
    for (const path of [
      '/page/',
      '/page/assets.ts',
      '/page/../server.ts',
      '/page/index.html/',
      '/index.html',
      '',
    ]) {
      assert.equal(await pageFile(path), undefined, path);
    }
  });

  for (const [name, type] of assets) {
    it(`comes from here alone, and has nothing inline: ${name}`, async () => {
      const text = await readFile(new URL(name, folder), 'utf8');
      const elsewhere = [...text.matchAll(/\bhttps?:\/\/[^\s"'`]+/g)].map(([address]) => address);
      assert.deepEqual(
        elsewhere.filter((address) => address !== 'http://www.w3.org/2000/svg'),
        [],
      );
      assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/);
      if (!type.startsWith('text/html')) return;
      assert.doesNotMatch(text, /\sstyle=|<style|\son[a-z]+=|<script(?![^>]* src=)/);
      for (const [, named = ''] of text.matchAll(/(?:href|src)="\/page\/([^"]+)"/g))
        assert.ok(assets.has(named), named);
    });
  }
});
