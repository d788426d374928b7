import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadYaml } from '@kubernetes/client-node';
import { krewManifest } from '../../../deploy/release/krew-manifest.ts';
import manifest from '../../../package.json' with { type: 'json' };

describe('the manifest for krew', () => {
  const sha256 = '0'.repeat(64);
  const home = 'https://github.com/example/kube-lego';
  const plugin: unknown = loadYaml(krewManifest({ home, version: '1.2.3', sha256 }));

  it('names the archive of the release, and in it the program of package.json', () => {
    const bin = manifest.bin['kubectl-lego'];
    assert.partialDeepStrictEqual(plugin, {
      kind: 'Plugin',
      metadata: { name: 'lego' },
      spec: {
        version: 'v1.2.3',
        platforms: [{ uri: `${home}/releases/download/v1.2.3/kubectl-lego.tar.gz`, sha256, bin }],
      },
    });
    assert.ok(existsSync(new URL(`../../../${bin}`, import.meta.url)));
  });

  it('says which Node.js it needs', () => {
    const [, needed = ''] = /(\d[\d.]+)/.exec(manifest.engines.node) ?? [];
    assert.match(JSON.stringify(plugin), new RegExp(`Node.js ${needed} or newer`));
  });
});
