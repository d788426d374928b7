import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { readManifests } from '../../deploy/local/manifests.ts';
import { recordField } from '../../src/process/json.ts';
import { deployFolder } from './deployed-cluster.ts';

const page = readFileSync(join(deployFolder, '../docs/uninstall.md'), 'utf8');

describe('the command that docs/uninstall.md gives', () => {
  const [, folder = '', label = ''] = /kubectl delete -k (\S+) -l '!(\S+)'/.exec(page) ?? [];

  const installed = ['base', 'namespaced', ...globSync('overlays/*', { cwd: deployFolder })];
  for (const name of installed) {
    it(`leaves the namespace, and nothing else of deploy/${name}`, async () => {
      const manifests = await readManifests(join(deployFolder, name));
      const left = manifests.filter(({ metadata }) => recordField(metadata, 'labels')?.[label] !== undefined);
      assert.deepEqual(
        left.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
        ['Namespace kube-lego'],
      );
    });
  }

  it('is about a folder that can be installed', () => {
    assert.ok(
      installed.some((name) => join(deployFolder, name) === resolve(deployFolder, '..', folder)),
      folder,
    );
  });
});
