import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { startCluster } from '../../../deploy/local/cluster.ts';
import { createKubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { KubernetesAccountSecret } from '../../../src/kubernetes/records/account-record.ts';

const { signal } = new AbortController();

test('the account Secret in a real API server', { timeout: 60_000 }, async (context) => {
  await using cluster = await startCluster();
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(cluster.adminKubeconfig);
  const client = createKubernetesClient(kubeConfig);
  context.after(() => client.close());
  const store = new KubernetesAccountSecret(client, 'default', 'kube-lego-account');

  await context.test('is absent, then created once', async () => {
    assert.equal(await store.read(signal), undefined);
    const made = await store.create({ 'tls.key': Buffer.from('key') }, signal);
    assert.equal(made?.data['tls.key']?.toString(), 'key');
    assert.equal(await store.create({ 'tls.key': Buffer.from('other') }, signal), undefined);
    assert.equal((await store.read(signal))?.data['tls.key']?.toString(), 'key');
  });

  await context.test('keeps foreign keys, labels and annotations when the URL is written', async () => {
    await client.call(signal, async ({ core }) => {
      const reference = { namespace: 'default', name: 'kube-lego-account' };
      const body = await core.readNamespacedSecret(reference);
      body.data = { ...body.data, 'acme-registration.json': Buffer.from('{}').toString('base64') };
      assert(body.metadata);
      body.metadata.annotations = { 'example.com/backup': 'yes' };
      return core.replaceNamespacedSecret({ ...reference, body });
    });
    const current = await store.read(signal);
    assert(current);
    const written = await store.update(
      current,
      { 'acme-registration-url': Buffer.from('https://ca.example/1') },
      signal,
    );
    assert.deepEqual(Object.keys(written?.data ?? {}).toSorted(), [
      'acme-registration-url',
      'acme-registration.json',
      'tls.key',
    ]);
    const object = await client.call(signal, ({ core }) =>
      core.readNamespacedSecret({ namespace: 'default', name: 'kube-lego-account' }),
    );
    assert.equal(object.metadata?.annotations?.['example.com/backup'], 'yes');
    assert.equal(object.metadata?.labels?.['app.kubernetes.io/managed-by'], 'kube-lego');
    // It is not the Secret that was read any more.
    assert.equal(await store.update(current, { 'tls.key': Buffer.from('x') }, signal), undefined);
  });

  await context.test('a trouble with the API server is not an absent Secret', async () => {
    await cluster.stopApiServer();
    await assert.rejects(store.read(signal), { name: 'KubernetesError' });
  });
});
