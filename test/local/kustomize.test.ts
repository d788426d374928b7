import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { readManifests } from '../../deploy/local/manifests.ts';

describe('a kustomization folder', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kube-lego-kustomization-'));
    await writeFile(
      join(folder, 'objects.yaml'),
      `apiVersion: v1
kind: Namespace
metadata: {name: original}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: ours, namespace: original}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: both}
subjects:
  - {kind: ServiceAccount, name: ours, namespace: original}
  - {kind: ServiceAccount, name: foreign, namespace: elsewhere}
`,
    );
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('moves its objects into its namespace, and bindings follow the accounts that moved', async () => {
    await kustomization('namespace: moved\nresources: [objects.yaml]');
    const [namespace, account, binding] = await readManifests(folder);
    assert.equal(namespace?.metadata.name, 'moved');
    assert.equal(account?.metadata.namespace, 'moved');
    assert.equal(binding?.metadata.namespace, undefined);
    assert.deepEqual(binding?.['subjects'], [
      { kind: 'ServiceAccount', name: 'ours', namespace: 'moved' },
      { kind: 'ServiceAccount', name: 'foreign', namespace: 'elsewhere' },
    ]);
  });

  test('loses what a patch deletes', async () => {
    await kustomization(`resources: [objects.yaml]
patches:
  - patch: |-
      apiVersion: v1
      kind: ServiceAccount
      metadata: {name: ours, namespace: original}
      $patch: delete`);
    assert.deepEqual(
      (await readManifests(folder)).map(({ kind }) => kind),
      ['Namespace', 'ClusterRoleBinding'],
    );
  });

  test('that kustomize does not understand is an error in its words', async () => {
    await kustomization('resources: [objects.yaml]\nnamePrefixes: my-');
    await assert.rejects(readManifests(folder), { code: 'BadManifest', message: /namePrefixes/ });
  });

  async function kustomization(text: string): Promise<void> {
    await writeFile(join(folder, 'kustomization.yaml'), text);
  }
});
