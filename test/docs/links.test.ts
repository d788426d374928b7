import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';

const root = join(import.meta.dirname, '../..');
const pages = globSync('**/*.md', { cwd: root, exclude: ['**/node_modules'] });

/** The text without blocks and spans of code, where brackets are no links. */
function proseOf(page: string): string {
  const text = readFileSync(join(root, page), 'utf8');
  return text.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`\n]*`/g, 'code');
}

/** What links within the repository lead to. */
function targetsIn(page: string): string[] {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return links.filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): Set<string> {
  const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```.*?^```/gms, '');
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.matchAll(/^#{1,6} (.+)$/gm)) {
    const words = heading.replaceAll(/\]\([^)]*\)/g, '').toLowerCase();
    const slug = words.replaceAll(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again += 1) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

describe('links within the repository', () => {
  for (const page of pages) {
    it(`lead somewhere: ${page}`, () => {
      for (const target of targetsIn(page)) {
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? page : join(dirname(page), path);
        assert.ok(existsSync(join(root, file)), `${page} links to ${target}, which is not there`);
        if (anchor === undefined) continue;
        assert.ok(anchorsOf(file).has(anchor), `${page} links to ${target}, and ${file} has no such heading`);
      }
    });
  }

  it('are found at all', () => {
    assert.ok(pages.includes('README.md'));
    assert.ok(targetsIn('README.md').includes('docs/troubleshooting.md'));
    assert.ok(targetsIn('docs/metrics.md').some((target) => target.startsWith('#')));
  });
});

describe('the repository of the kube-lego of 2016', () => {
  it('is not given for ours: only its issues are linked to', () => {
    const files = [
      'package.json',
      ...globSync('{src,machines,deploy,docs,examples,bin}/**/*.{ts,mjs,json,yaml,md}', { cwd: root }),
    ];
    for (const file of [...files, 'README.md', 'deploy/image/Dockerfile']) {
      const text = readFileSync(join(root, file), 'utf8');
      assert.doesNotMatch(text, /github\.com\/jetstack\/kube-lego(?!\/issues\/)/, file);
    }
  });
});
