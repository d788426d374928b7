import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { recordField } from '../../src/process/json.ts';
import { eventually } from '../time/eventually.ts';
import { ingress, type Manifest, policy } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const account = 'system:serviceaccount:kube-lego:kube-lego';
const clusterRoleBinding = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kube-lego';

let stage: Stage;

before(async () => {
  stage = await startStage({
    namespaces: ['shop', 'locked', 'read-only', 'hidden'],
    isDenialMeant: ({ namespace }) => namespace === 'read-only' || namespace === 'hidden',
  });
  await stage.startController();
});
after(() => stage.stop());

describe('a policy that denies Secrets in one namespace', () => {
  it('is found before an order is spent, and delays nobody else', async () => {
    await stage.apply(
      ...policy(
        'locked',
        { apiGroup: '', resource: 'secrets', operations: ['CREATE', 'UPDATE'] },
        "object.metadata.namespace != 'locked'",
        'ask the platform team for Secrets in this namespace',
      ),
    );
    await eventually('the policy is in force', async () => {
      const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'probe' } };
      const path = '/api/v1/namespaces/locked/secrets?dryRun=All';
      return (await stage.world.api.request(path, { method: 'POST', body })).status >= 400;
    });
    await stage.apply(
      ingress('locked/web', { tls: { 'web-tls': ['locked.example.com'] } }),
      ingress('shop/web', { tls: { 'web-tls': ['shop.example.com'] } }),
    );

    await stage.untilIssued('shop/web');
    const message = await stage.untilWarned('locked/web', 'SecretNotWritable');
    assert.match(
      message,
      /^Secret web-tls cannot be written: .*ask the platform team for Secrets in this namespace/,
    );
    assert.match(
      message,
      /Allow kube-lego's ServiceAccount to write this Secret: see what the API server says\./,
    );
    assert.equal(await stage.orders(), 1);
  });
});

describe('RBAC that allows no writing, or not even reading, of the Secrets of a namespace', () => {
  it('is found before an order is spent, and the remedy helps', async () => {
    const watching: Manifest = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'kube-lego-watching' },
      rules: [
        { apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs: ['list', 'watch', 'patch'] },
        { apiGroups: [''], resources: ['events'], verbs: ['create'] },
      ],
    };
    const reading: Manifest = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'kube-lego-reading' },
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
    };
    await stage.apply(
      watching,
      reading,
      { ...binding('kube-lego-watching'), kind: 'ClusterRoleBinding' },
      binding('kube-lego-reading', 'read-only'),
    );
    await stage.world.api.expect(clusterRoleBinding, { method: 'DELETE' });
    await untilAllowed('get', 'read-only', true);
    await untilAllowed('create', 'read-only', false);
    await untilAllowed('get', 'hidden', false);
    await stage.apply(
      ingress('read-only/web', { tls: { 'web-tls': ['read-only.example.com'] } }),
      ingress('hidden/web', { tls: { 'web-tls': ['hidden.example.com'] } }),
    );

    const unwritable = await stage.untilWarned('read-only/web', 'SecretNotWritable');
    assert.match(unwritable, /^Secret web-tls cannot be written: .*cannot create resource "secrets"/);
    const unreadable = await stage.untilWarned('hidden/web', 'ApiServerDenied');
    assert.match(unreadable, /cannot get resource "secrets"/);
    assert.match(unreadable, /Check kube-lego's ServiceAccount, Roles and bindings: see deploy\/base\./);
    assert.equal(await stage.orders(), 1);

    await stage.apply({ ...binding('kube-lego'), kind: 'ClusterRoleBinding' });
    await untilAllowed('create', 'read-only', true);
    const annotations = { 'kube-lego.io/retry': 'the role is bound' };
    await stage.apply(
      ingress('read-only/web', { tls: { 'web-tls': ['read-only.example.com'] }, annotations }),
      ingress('hidden/web', { tls: { 'web-tls': ['hidden.example.com'] }, annotations }),
    );
    await stage.untilIssued('read-only/web', 'hidden/web');
    assert.equal(await stage.orders(), 3);
  });
});

/** Binds the ClusterRole to our ServiceAccount, in one namespace if it is given. */
function binding(role: string, namespace?: string): Manifest {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: namespace === undefined ? { name: role } : { name: role, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', namespace: 'kube-lego', name: 'kube-lego' }],
  };
}

/** The authorizer learns of a binding a moment after it was written. */
async function untilAllowed(verb: string, namespace: string, allowed: boolean): Promise<void> {
  await eventually(`${verb} of Secrets in ${namespace} is ${allowed ? 'allowed' : 'denied'}`, async () => {
    const review = await stage.world.api.expect('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      method: 'POST',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user: account, resourceAttributes: { verb, namespace, resource: 'secrets' } },
      },
    });
    return recordField(review, 'status')?.['allowed'] === allowed;
  });
}
