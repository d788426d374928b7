import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Authority } from '../../deploy/local/authority.ts';
import { applyManifests, type Manifest, readManifests } from '../../deploy/local/manifests.ts';
import { recordField } from '../../src/process/json.ts';
import { borrowCluster } from '../clusters/borrow.ts';
import { ingress, ingressPath, secret, secretPath } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { deployFolder } from './deployed-cluster.ts';

const day = 86_400_000;
const guide = readFileSync(join(deployFolder, '../docs/upgrade.md'), 'utf8');
const hosts = ['first', 'second', 'third'];
const deployment = '/apis/apps/v1/namespaces/kube-lego/deployments/kube-lego';

function earlier(name: string): string {
  return join(import.meta.dirname, 'earlier', name);
}

function identity({ kind, metadata }: Manifest): string {
  return `${kind.toLowerCase()} ${metadata.name}`;
}

/** What `kubectl delete` in docs/upgrade.md removes, in the words of `identity`. */
function deletedByGuide(): string[] {
  return [...guide.matchAll(/^kubectl delete (\S+)(?: -n \S+)? (\S+)$/gm)].flatMap(
    ([, kinds = '', name = '']) => kinds.split(',').map((kind) => `${kind} ${name}`),
  );
}

/** A certificate of another CA, as the earlier version has left it: marked, and good for two months. */
function certificate(name: string): Manifest {
  const now = Date.now();
  const { chainPem, keyPem } = new Authority('earlier CA').issue({
    hosts: [`${name}.example.com`],
    notBefore: now - 30 * day,
    notAfter: now + 60 * day,
  });
  const metadata = { annotations: { 'kubernetes.io/tls-acme': 'true' } };
  return secret(`shop/${name}-tls`, { 'tls.crt': chainPem, 'tls.key': keyPem }, { metadata });
}

async function versions(stage: Stage): Promise<unknown[]> {
  return Promise.all(
    hosts.map(
      async (name) =>
        recordField(await stage.object(secretPath(`shop/${name}-tls`)), 'metadata')?.['resourceVersion'],
    ),
  );
}

for (const name of ['kube-lego-2016.yaml', '1.0.0-alpha.1.yaml']) {
  describe(`an upgrade from ${name}`, () => {
    it('orders nothing, and what it leaves over is removed or named by docs/upgrade.md', async () => {
      const cluster = await borrowCluster();
      await applyManifests(cluster.adminKubeconfig, [earlier(name)]);
      // deploy/base is applied over it.
      const stage = await startStage({ cluster, namespaces: ['shop'] });
      try {
        const objects = [
          ...hosts.map(certificate),
          ...hosts.map((host) =>
            ingress(`shop/${host}`, { tls: { [`${host}-tls`]: [`${host}.example.com`] } }),
          ),
        ];
        // For a moment after a policy has got another kind of parameter the API server refuses everybody's Secrets.
        const isTaken = () =>
          stage.apply(...objects).then(
            () => true,
            () => false,
          );
        await eventually('the API server takes Secrets', isTaken);
        const before = await versions(stage);
        await stage.startController();
        await stage.untilIssued(...hosts.map((host) => `shop/${host}`));
        assert.equal(await stage.orders(), 0);
        assert.deepEqual(await versions(stage), before);
        const isRemoved = async () =>
          (await stage.object(ingressPath('kube-lego/kube-lego-nginx'))) === undefined;
        await eventually('no challenge Ingress of 2016 is left', isRemoved);

        const [old, current] = await Promise.all(
          [earlier(name), join(deployFolder, 'base')].map(readManifests),
        );
        const kept = new Set([
          ...(current ?? []).map(identity),
          'configmap kube-lego',
          'ingress kube-lego-nginx',
        ]);
        const left = (old ?? []).map(identity).filter((object) => !kept.has(object));
        assert.deepEqual(
          left.filter((object) => !deletedByGuide().includes(object)),
          [],
        );
      } finally {
        await stage.stop();
      }
    });
  });

  describe(`server-side apply over ${name}`, () => {
    it('is accepted where somebody else has created the objects, and leads to what deploy/base says', async () => {
      await using cluster = await borrowCluster();
      await using admin = cluster.adminClient();
      const old = await readManifests(earlier(name));
      for (const manifest of old.filter(({ kind }) => kind === 'Namespace' || kind === 'Deployment')) {
        const path =
          manifest.kind === 'Namespace' ? '/api/v1/namespaces' : deployment.replace(/\/[^/]+$/, '');
        await admin.expect(`${path}?fieldManager=kubectl-client-side-apply`, {
          method: 'POST',
          body: manifest,
        });
      }
      await applyManifests(cluster.adminKubeconfig, [join(deployFolder, 'base')]);
      const wanted = (await readManifests(join(deployFolder, 'base'))).find(
        ({ kind }) => kind === 'Deployment',
      );
      const spec = recordField(await admin.expect(deployment), 'spec');
      assert.deepEqual(spec?.['strategy'], recordField(wanted, 'spec')?.['strategy']);
      assert.equal(spec?.['replicas'], recordField(wanted, 'spec')?.['replicas']);
    });
  });
}
