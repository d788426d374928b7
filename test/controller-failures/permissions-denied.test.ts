import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { arrayField, isRecord, recordField } from '../../src/process/json.ts';
import { saidOf } from '../kubernetes/records/written-status.ts';
import { eventually } from '../time/eventually.ts';
import { ingress, ingressPath, type Manifest, policy, secret, secretPath } from './objects.ts';
import { type Stage, startStage } from './stage.ts';

const account = 'system:serviceaccount:kube-lego:kube-lego';
const rolePath = '/apis/rbac.authorization.k8s.io/v1/namespaces/kube-lego/roles/kube-lego';
const clusterRoleBinding = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kube-lego';

let stage: Stage;

before(async () => {
  stage = await startStage({
    namespaces: ['shop', 'locked', 'full', 'ending', 'read-only', 'hidden'],
    isDenialMeant: ({ namespace }) =>
      ['full', 'ending', 'read-only', 'hidden', 'kube-lego'].includes(namespace),
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
      /Allow kube-lego's ServiceAccount to write this Secret: see who refuses it, and why\./,
    );
    assert.equal(await stage.orders(), 1);
  });
});

describe('a namespace that takes no Secret', () => {
  it('for its quota or its end has none ordered, and is told why as far as it takes Events', async () => {
    const { api } = stage.world;
    await stage.apply({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace: 'full', name: 'objects' },
      spec: { hard: { 'count/secrets': '0' } },
    });
    // Counted by the controller manager in a real cluster.
    const none = { 'count/secrets': '0' };
    await api.expect('/api/v1/namespaces/full/resourcequotas/objects/status', {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { status: { hard: none, used: none } },
    });
    await stage.apply(
      ingress('full/web', { tls: { 'web-tls': ['full.example.com'] } }),
      ingress('ending/web', { tls: { 'web-tls': ['ending.example.com'] }, annotated: false }),
    );
    const overQuota = await stage.untilWarned('full/web', 'SecretNotWritable');
    assert.match(overQuota, /^Secret web-tls cannot be written: .*exceeded quota: objects/);

    await api.expect('/api/v1/namespaces/ending', { method: 'DELETE' });
    await api.expect(ingressPath('ending/web'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { 'kubernetes.io/tls-acme': 'true' } } },
    });
    await stage.untilLogged(/^Secret web-tls cannot be written: .*because it is being terminated/);
    assert.equal(await stage.orders(), 1, 'of the namespace beside them');
  });
});

describe('a Secret that has been deleted and waits for a finalizer', () => {
  it('has no certificate ordered for it until it is gone', async () => {
    const { api } = stage.world;
    const held = { metadata: { finalizers: ['example.com/wait'] } };
    await stage.apply(secret('shop/going-tls', { 'tls.crt': '', 'tls.key': '' }, held));
    await api.expect(secretPath('shop/going-tls'), { method: 'DELETE' });
    const tls = { 'going-tls': ['going.example.com'] };
    await stage.apply(ingress('shop/going', { tls }));
    assert.match(await stage.untilWarned('shop/going', 'SecretChanged'), /waits for a finalizer/);
    assert.equal(await stage.orders(), 1);
    await api.expect(secretPath('shop/going-tls'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { finalizers: null } },
    });
    // The next look may be a minute away by now.
    await stage.apply(ingress('shop/going', { tls, annotations: { 'kube-lego.io/retry': 'it is gone' } }));
    await stage.untilIssued('shop/going');
    await api.expect(ingressPath('shop/going'), { method: 'DELETE' });
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
    assert.match(unreadable, /Check kube-lego's ServiceAccount, Roles and bindings \(see deploy\/base\)/);
    assert.equal(await stage.orders(), 2);

    await stage.apply({ ...binding('kube-lego'), kind: 'ClusterRoleBinding' });
    await untilAllowed('create', 'read-only', true);
    const annotations = { 'kube-lego.io/retry': 'the role is bound' };
    await stage.apply(
      ingress('read-only/web', { tls: { 'web-tls': ['read-only.example.com'] }, annotations }),
      ingress('hidden/web', { tls: { 'web-tls': ['hidden.example.com'] }, annotations }),
    );
    await stage.untilIssued('read-only/web', 'hidden/web');
    assert.equal(await stage.orders(), 4);
  });
});

describe('a Role that does not let kube-lego keep its records', () => {
  it('is told on every Ingress that waits, in the probes and in a metric, and it goes on when it is mended', async () => {
    const role = await readRole();
    await withoutVerbs(role, 'secrets', 'kube-lego-journal-0', ['update']);
    await stage.apply(ingress('shop/first', { tls: { 'first-tls': ['first.example.com'] } }));
    const failed = await stage.untilWarned('shop/first', 'RecordUnavailable');
    assert.match(
      failed,
      /^Secret kube-lego\/kube-lego-journal-0 \(the order journal\) cannot be written: .*cannot update resource "secrets"/,
    );
    assert.match(
      failed,
      /Allow kube-lego's ServiceAccount to update secrets in namespace kube-lego: its Role/,
    );
    await stage.apply(
      ingress('shop/second', { tls: { 'second-tls': ['second.example.com'] } }),
      ingress('locked/second', { tls: { 'second-tls': ['second-locked.example.com'] } }),
    );
    for (const key of ['shop/second', 'locked/second']) {
      assert.ok(failed.startsWith(await stage.untilWarned(key, 'RecordUnavailable')));
      await untilStatus(key, (status) => /"state":"waiting".*"reason":"RecordUnavailable"/.test(status));
    }
    assert.equal((await stage.view('shop/second'))?.state, 'queued');
    for (const path of ['/readyz', '/healthz?verbose']) {
      assert.match(
        await stage.controller.page('metrics', path),
        /^(ready|ok)\nsince .*: Secret kube-lego\/kube-lego-journal-0 /,
      );
    }
    assert.match(await stage.controller.metrics(), /^kube_lego_record_failing\{record="journal"\} 1$/m);
    assert.equal(await stage.orders(), 4, 'nothing is ordered that could be lost');

    await stage.world.api.expect(rolePath, { method: 'PUT', body: role });
    await stage.untilIssued('shop/first', 'shop/second');
    for (const key of ['shop/second', 'locked/second']) {
      await untilStatus(key, (status) => !status.includes('RecordUnavailable'));
    }
    // An answer is cached for a second.
    await eventually('the metric is 0', async () =>
      /^kube_lego_record_failing\{record="journal"\} 0$/m.test(await stage.controller.metrics()),
    );
  });

  it('is told as well at the start, when nobody knows yet whose hosts are whose', async () => {
    const role = await readRole();
    await stage.controller.stop();
    await withoutVerbs(role, 'configmaps', undefined, ['list']);
    await stage.apply(ingress('shop/third', { tls: { 'third-tls': ['third.example.com'] } }));
    await stage.startController();
    const told = await stage.untilWarned('shop/third', 'RecordUnavailable');
    assert.match(
      told,
      /^ConfigMap kube-lego\/kube-lego-\w+-0 \(.*\) cannot be read: .*cannot list resource "configmaps"/,
    );
    await untilStatus('shop/third', (status) => /"notices":\[\{"reason":"RecordUnavailable"/.test(status));
    assert.doesNotMatch(await statusOf('shop/second'), /RecordUnavailable/, 'all is well with it');

    await stage.world.api.expect(rolePath, { method: 'PUT', body: role });
    await stage.untilIssued('shop/third');
    await untilStatus('shop/third', (status) => !status.includes('RecordUnavailable'));
  });
});

/** To be put back whatever its version is then. */
async function readRole(): Promise<Record<string, unknown>> {
  const role = await stage.world.api.expect(rolePath);
  assert.ok(isRecord(role));
  return { ...role, metadata: { ...recordField(role, 'metadata'), resourceVersion: undefined } };
}

/** Takes away verbs of a resource, or of one object. */
async function withoutVerbs(
  role: Record<string, unknown>,
  resource: string,
  name: string | undefined,
  verbs: readonly string[],
): Promise<void> {
  const isMeant = (rule: unknown): boolean =>
    arrayField(rule, 'resources').includes(resource) &&
    (name === undefined || arrayField(rule, 'resourceNames').includes(name));
  const rules = arrayField(role, 'rules').map((rule) =>
    isRecord(rule) && isMeant(rule)
      ? { ...rule, verbs: arrayField(rule, 'verbs').filter((verb) => !verbs.includes(String(verb))) }
      : rule,
  );
  await stage.world.api.expect(rolePath, { method: 'PUT', body: { ...role, rules } });
  for (const verb of verbs) await untilAllowed(verb, 'kube-lego', false, resource, name);
}

async function untilStatus(key: string, fits: (status: string) => boolean): Promise<void> {
  await eventually(`the status of ${key} fits`, async () => fits(await statusOf(key)));
}

async function statusOf(key: string): Promise<string> {
  return saidOf(await stage.object(ingressPath(key)));
}

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
async function untilAllowed(
  verb: string,
  namespace: string,
  allowed: boolean,
  resource = 'secrets',
  name?: string,
): Promise<void> {
  await eventually(
    `${verb} of ${resource} in ${namespace} is ${allowed ? 'allowed' : 'denied'}`,
    async () => {
      const review = await stage.world.api.expect('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        method: 'POST',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: {
            user: account,
            resourceAttributes: { verb, namespace, resource, ...(name === undefined ? {} : { name }) },
          },
        },
      });
      return recordField(review, 'status')?.['allowed'] === allowed;
    },
  );
}
