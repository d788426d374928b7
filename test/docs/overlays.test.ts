import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { loadYaml } from '@kubernetes/client-node';
import { type Manifest, readManifests } from '../../deploy/local/manifests.ts';
import { isRecord } from '../../src/process/json.ts';

const root = join(import.meta.dirname, '../..');

/** The blocks of YAML of a page, without the indentation of a list. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^( *)```yaml\n(.*?)^ *```/gms)].map(([, indent = '', block = '']) =>
    block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

function isKustomization(block: string): boolean {
  return /^(?:resources|components|patches):/m.test(block);
}

/** Builds an overlay as a page shows it, beside the other files that the page shows for it; a patch alone is of what it may be about. */
async function build(block: string, others: readonly string[]): Promise<Manifest[]> {
  const overlay = await mkdtemp(join(await realpath(tmpdir()), 'kube-lego-overlay-'));
  try {
    const from = (folder: string): string => relative(overlay, join(root, 'deploy', folder));
    const shown = loadYaml(block);
    assert.ok(isRecord(shown));
    const kustomization = {
      resources: ['../../base'],
      components: ['../../components/network-policy'],
      ...shown,
    };
    const text = JSON.stringify(kustomization).replaceAll('"../../', `"${from('.')}/`);
    await writeFile(join(overlay, 'kustomization.yaml'), text);
    for (const other of others) {
      const [, file] = /^# deploy\/overlays\/NAME\/(\S+)\n/.exec(other) ?? [];
      if (file !== undefined) await writeFile(join(overlay, file), other);
    }
    return await readManifests(overlay);
  } finally {
    await rm(overlay, { recursive: true });
  }
}

describe('the overlays that the docs show', () => {
  const pages = ['README.md', ...globSync('docs/*.md', { cwd: root })];
  const shown = pages.flatMap((page) => {
    const blocks = blocksOf(page);
    const others = blocks.filter((block) => !isKustomization(block));
    return blocks.filter(isKustomization).map((block) => ({ page, block, others }));
  });

  for (const { page, block, others } of shown) {
    it(`can be built, and change something: ${page}`, async () => {
      const [built, plain] = await Promise.all([build(block, others), build('patches: []', [])]);
      assert.notDeepEqual(built, plain);
    });
  }

  it('are found at all', () => {
    assert.deepEqual(shown.map(({ page }) => page).toSorted(), [
      'docs/dns-01.md',
      'docs/ingress-controllers.md',
      'docs/network.md',
    ]);
  });
});
