import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { secrets } from '../../../src/kubernetes/client/collections.ts';
import { type ApiWorld, startApiWorld } from '../api-world.ts';

const namespace = 'calls';
const { signal } = new AbortController();
const options = { fieldManager: 'test' };

describe('a write', () => {
  let world: ApiWorld;

  before(async () => {
    world = await startApiWorld();
    await world.createNamespace(namespace);
  });
  after(() => world[Symbol.asyncDispose]());

  const named = (name: string) => ({ metadata: { name, namespace }, data: { key: 'a2V5' } });

  it('is answered with the metadata alone: the API server does not send back what is secret or long', async () => {
    const reference = { name: 'short', namespace };
    const answers = await world.client.call(signal, async (api) => [
      await api.create(secrets, namespace, named('short'), { ...options, dryRun: true }),
      await api.create(secrets, namespace, named('short'), options),
      await api.replace(secrets, reference, named('short'), options),
      await api.patch(secrets, reference, 'merge', { data: { key: 'bmV3' } }, options),
      await api.patch(
        secrets,
        reference,
        'apply',
        { apiVersion: 'v1', kind: 'Secret', ...named('short') },
        options,
      ),
    ]);
    for (const answer of answers) {
      assert.equal(answer.metadata?.name, 'short');
      assert.ok(answer.metadata.uid);
      assert.ok(!('data' in answer));
    }
    const { data, metadata } = await world.client.call(signal, (api) => api.read(secrets, reference));
    assert.equal(answers.at(-1)?.metadata?.resourceVersion, metadata?.resourceVersion);
    assert.deepEqual(data, { key: 'a2V5' });
  });

  it('is answered with the whole object where that is asked for', async () => {
    const { data, metadata } = await world.client.call(signal, (api) =>
      api.create(secrets, namespace, named('whole'), { ...options, whole: true }),
    );
    assert.equal(metadata?.name, 'whole');
    assert.deepEqual(data, { key: 'a2V5' });
  });
});
