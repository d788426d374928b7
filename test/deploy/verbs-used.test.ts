import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { applyManifests, type Manifest } from '../../deploy/local/manifests.ts';
import { ingress, secret } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../time/eventually.ts';
import { deployFolder } from './deployed-cluster.ts';
import { grants, uses } from './verbs.ts';

const environment = {
  LEGO_SECRET_WATCH: 'on',
  LEGO_RATE_LIMITS: '{"orders-per-account": {"burst": 300, "period": "3h"}}',
};

const secretWatchRole = join(deployFolder, 'components/secret-watch/cluster-role.yaml');

let stage: Stage;

/** A document of the rate-limit ledger of which nothing counts any more: its one bucket has been full for years. */
const spentLedger: Manifest = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    namespace: 'kube-lego',
    name: 'kube-lego-ledger-1',
    labels: { 'kube-lego.io/ledger': 'rate-limits' },
  },
  data: { 'ledger.json': JSON.stringify({ version: 1, buckets: { 'orders-per-account': 1_600_000_000 } }) },
};

describe('the roles of deploy/base and of its component secret-watch', () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
  });
  after(() => stage.stop());

  it('grant nothing that kube-lego does not use', async () => {
    await stage.apply(spentLedger);
    await applyManifests(stage.world.cluster.adminKubeconfig, [secretWatchRole]);
    await stage.startController(environment);
    await stage.apply(
      ingress('shop/first', { tls: { 'first-tls': ['first.example.com'] }, className: 'edge' }),
      secret('shop/placeholder-tls', { 'tls.crt': '', 'tls.key': '' }),
      ingress('shop/placeholder', { tls: { 'placeholder-tls': ['second.example.com'] } }),
    );
    await stage.untilIssued('shop/first', 'shop/placeholder');
    // The challenge Ingresses are written to again, as long as they are there.
    await stage.apply(
      ingress('shop/third', {
        tls: { 'third-tls': ['third.example.com'], 'fourth-tls': ['fourth.example.com'] },
      }),
    );
    await stage.untilIssued('shop/third');
    for (const use of ['update', 'delete']) {
      const isUsed = async () =>
        (await uses(stage.world.cluster.auditLog)).has(`${use} configmaps in its own namespace`);
      await eventually(`the ledger is written: ${use}`, isUsed);
    }
    await stage.controller.stop();

    const granted = await grants([join(deployFolder, 'base'), secretWatchRole]);
    let unused = granted;
    // The API server may write of the last ones a moment later.
    await eventually('all that is granted is used', async () => {
      const used = await uses(stage.world.cluster.auditLog);
      unused = granted.filter((grant) => !used.has(grant));
      return unused.length === 0;
    }).catch(() => undefined);
    assert.deepEqual(unused, []);
  });
});
