import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { applyManifests } from '../../../deploy/local/manifests.ts';
import { eventually } from '../../time/eventually.ts';
import { ingress } from '../objects.ts';
import { type Stage, startStage } from '../stage.ts';
import { inTurn } from './starts.ts';

const clusterRoleBinding = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kube-lego';
const watched = fileURLToPath(new URL('../../../deploy/namespaced/namespaces/default', import.meta.url));

let stage: Stage;

/** Declares the tests. */
export function namespaceLeftOut(): void {
  describe('a watched namespace whose RoleBinding was forgotten', {
    concurrency: 1,
  }, () => {
    before(() =>
      inTurn(async () => {
        stage = await startStage({
          namespaces: ['shop', 'default'],
          isDenialMeant: ({ uri }) =>
            uri.startsWith('/apis/networking.k8s.io/v1/namespaces/default/ingresses'),
        });
        await stage.world.api.expect(clusterRoleBinding, { method: 'DELETE' });
        await stage.apply({
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'RoleBinding',
          metadata: { name: 'kube-lego', namespace: 'shop' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'kube-lego' },
          subjects: [{ kind: 'ServiceAccount', namespace: 'kube-lego', name: 'kube-lego' }],
        });
        await stage.apply(
          ingress('shop/web', { tls: { 'web-tls': ['shop.example.com'] } }),
          ingress('default/web', { tls: { 'web-tls': ['default.example.com'] } }),
        );
        await stage.startController({ LEGO_WATCH_NAMESPACE: 'shop,default' });
      }),
    );
    after(() => stage.stop());

    it('holds up no other, and is named', async () => {
      await stage.untilIssued('shop/web');
      await stage.untilLogged(
        /^Namespace default is left out for now: .* RoleBinding \(deploy\/namespaced\)/,
      );
      await untilSynced(0);
      assert.equal(await stage.orders(), 1);
    });

    it('gets its certificates when it has the one of deploy/namespaced', async () => {
      await applyManifests(stage.world.cluster.adminKubeconfig, [watched]);
      await stage.untilIssued('default/web');
      await stage.untilLogged(/^Namespace default is watched now/);
      await untilSynced(1);
      assert.equal(await stage.orders(), 2);
    });
  });
}

/** An answer of the metrics is good for a second. */
async function untilSynced(value: 0 | 1): Promise<void> {
  const line = new RegExp(`^kube_lego_reflector_synced\\{resource="ingresses"\\} ${value}$`, 'm');
  await eventually(`synced is ${value}`, async () => line.test(await stage.controller.metrics()));
}
