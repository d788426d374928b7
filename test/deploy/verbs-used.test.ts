import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { readAuditLog } from '../../deploy/local/audit-log.ts';
import { type Manifest, readManifests } from '../../deploy/local/kustomization.ts';
import { systemClock } from '../../src/clock.ts';
import { arrayField } from '../../src/json.ts';
import { createKubernetesClient } from '../../src/kubernetes/client.ts';
import { KubernetesLedgerDocuments } from '../../src/kubernetes/ledger-documents.ts';
import { ingress, secret } from '../controller-failures/objects.ts';
import { type Stage, startStage } from '../controller-failures/stage.ts';
import { eventually } from '../kubernetes/eventually.ts';
import { deployFolder } from './deployed-cluster.ts';

const environment = {
  LEGO_RATE_LIMITS: '{"orders-per-account": {"burst": 300, "period": "3h"}}',
};

let stage: Stage;

/** Each verb that a role of deploy/base grants, as `verb resource in SCOPE`. */
async function grants(): Promise<string[]> {
  const manifests = await readManifests(join(deployFolder, 'base'));
  return manifests.flatMap((manifest) => (manifest.kind.endsWith('Role') ? grantsOf(manifest) : []));
}

function grantsOf(role: Manifest): string[] {
  const scope = role.kind === 'Role' ? 'its own namespace' : 'the cluster';
  return arrayField(role, 'rules').flatMap((rule) =>
    arrayField(rule, 'resources').flatMap((resource) =>
      arrayField(rule, 'verbs').map((verb) => `${String(verb)} ${String(resource)} in ${scope}`),
    ),
  );
}

/** What kube-lego did, in the same words. */
async function uses(): Promise<Set<string>> {
  const records = await readAuditLog(stage.world.cluster.auditLog);
  return new Set(
    records
      .filter(({ user, status }) => user === 'system:serviceaccount:kube-lego:kube-lego' && status < 400)
      .map(({ verb, resource, namespace }) => {
        const scope = namespace === 'kube-lego' ? 'its own namespace' : 'the cluster';
        return `${verb} ${resource} in ${scope}`;
      }),
  );
}

describe('the roles of deploy/base', { timeout: 180_000 }, () => {
  before(async () => {
    stage = await startStage({ namespaces: ['shop'] });
  });
  after(() => stage.stop());

  it('grant nothing that kube-lego does not use', async () => {
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
    await eventually(
      'the ledger is written',
      async () => (await uses()).has('update configmaps in its own namespace'),
      30_000,
    );
    await stage.controller.stop();
    await forgetLedger();

    const used = await uses();
    const unused = (await grants()).filter((grant) => !used.has(grant));
    assert.deepEqual(unused, []);
  });
});

/** A document goes when its last bucket has been full for two hours: too long to wait for. */
async function forgetLedger(): Promise<void> {
  const kubeConfig = new KubeConfig();
  const path = await stage.world.cluster.serviceAccountKubeconfig('kube-lego', 'kube-lego');
  kubeConfig.loadFromString(await readFile(path, 'utf8'));
  const client = createKubernetesClient(kubeConfig, { userAgent: 'kube-lego/test', clock: systemClock });
  const documents = new KubernetesLedgerDocuments(client, 'kube-lego');
  const signal = AbortSignal.timeout(10_000);
  const [shard] = (await documents.read(signal)).keys();
  assert.ok(shard !== undefined);
  await documents.write(shard, undefined, signal);
  await client.close();
}
