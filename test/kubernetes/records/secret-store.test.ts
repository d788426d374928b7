import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { SecretStore } from '../../../src/kubernetes/records/secret-store.ts';
import { arrayField, recordField, stringField } from '../../../src/process/json.ts';
import { factsOf } from '../../../src/secret/secret-reading.ts';
import { type ApiWorld, startApiWorld } from '../api-world.ts';

const namespace = 'shop';
const path = `/api/v1/namespaces/${namespace}/secrets`;
const { signal } = new AbortController();

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function withCode(code: string, message = /./): (error: unknown) => boolean {
  return (error) => error instanceof KubernetesError && error.code === code && message.test(error.message);
}

describe('the Secret store', () => {
  let world: ApiWorld;
  let store: SecretStore;

  before(async () => {
    world = await startApiWorld();
    await world.createNamespace(namespace);
    store = new SecretStore(world.client);
  });
  after(() => world[Symbol.asyncDispose]());

  const make = (name: string, fields: object, finalizers: readonly string[] = []): Promise<unknown> =>
    world.admin.expect(path, {
      method: 'POST',
      body: {
        type: 'kubernetes.io/tls',
        data: { 'tls.crt': '', 'tls.key': '' },
        ...fields,
        metadata: { name, finalizers },
      },
    });

  const certificate = {
    chainPem: 'CHAIN',
    keyPem: 'KEY',
    annotations: { 'kube-lego.io/directory': 'https://ca.example/directory' },
  };

  it('reads nothing where there is no Secret', async () => {
    assert.equal(await store.read(namespace, 'none', signal), undefined);
    assert.equal(await store.read('no-such-namespace', 'none', signal), undefined);
  });

  it('creates a Secret and reads it back', async () => {
    await store.proveWritable(namespace, 'new', undefined, certificate, signal);
    assert.equal(await store.read(namespace, 'new', signal), undefined);
    const written = await store.write(namespace, 'new', undefined, certificate, signal);
    const read = await store.read(namespace, 'new', signal);
    assert.deepEqual(read, {
      ...written,
      type: 'kubernetes.io/tls',
      immutable: false,
      certificatePem: Buffer.from('CHAIN'),
      keyPem: Buffer.from('KEY'),
      annotations: certificate.annotations,
      labels: { 'app.kubernetes.io/managed-by': 'kube-lego' },
    });
  });

  it('does not overwrite a Secret that somebody created in the last moment', async () => {
    await make('late', { data: { 'tls.crt': encode('theirs'), 'tls.key': encode('theirs') } });
    await assert.rejects(
      store.write(namespace, 'late', undefined, certificate, signal),
      withCode('AlreadyExists', /POST .*secrets: 409 AlreadyExists: secrets "late" already exists/),
    );
    assert.equal((await store.read(namespace, 'late', signal))?.keyPem?.toString(), 'theirs');
  });

  it('changes only our fields of a Secret that is there', async () => {
    await world.admin.expect(path, {
      method: 'POST',
      body: {
        metadata: {
          name: 'kept',
          labels: { team: 'a' },
          annotations: { note: 'b' },
          finalizers: ['example.com/x'],
        },
        type: 'kubernetes.io/tls',
        data: { 'tls.crt': '', 'tls.key': '', 'ca.crt': encode('ca') },
      },
    });
    const judged = await store.read(namespace, 'kept', signal);
    await store.proveWritable(namespace, 'kept', judged, certificate, signal);
    await store.write(namespace, 'kept', judged, certificate, signal);
    const object = await world.admin.expect(`${path}/kept`);
    assert.deepEqual(recordField(object, 'data'), {
      'tls.crt': encode('CHAIN'),
      'tls.key': encode('KEY'),
      'ca.crt': encode('ca'),
    });
    const metadata = recordField(object, 'metadata');
    assert.deepEqual(metadata?.['labels'], { team: 'a', 'app.kubernetes.io/managed-by': 'kube-lego' });
    assert.deepEqual(metadata?.['annotations'], { note: 'b', ...certificate.annotations });
    assert.deepEqual(metadata?.['finalizers'], ['example.com/x']);
    const managers = arrayField(metadata, 'managedFields').map((entry) => stringField(entry, 'manager'));
    assert(managers.includes('kube-lego'));
  });

  it('gives a Secret what the operator wants on it, and takes nothing away or over', async () => {
    const metadata = (team: string) => ({ labels: { team }, annotations: { 'a.example/owner': team } });
    const platform = new SecretStore(world.client, metadata('platform'));
    const has = async (name: string) => {
      const read = await platform.read(namespace, name, signal);
      return [read?.labels['team'], read?.annotations['a.example/owner']];
    };
    await platform.write(namespace, 'made', undefined, certificate, signal);
    assert.deepEqual(await has('made'), ['platform', 'platform']);

    await make('placeholder', {});
    await platform.write(
      namespace,
      'placeholder',
      await platform.read(namespace, 'placeholder', signal),
      certificate,
      signal,
    );
    assert.deepEqual(await has('placeholder'), ['platform', 'platform']);
    // Other settings since: what is there stays, also what an earlier write has set.
    for (const later of [new SecretStore(world.client, metadata('web')), store]) {
      const judged = factsOf(await later.read(namespace, 'placeholder', signal));
      assert(judged.kind === 'present');
      await later.write(namespace, 'placeholder', judged, certificate, signal);
      assert.deepEqual(await has('placeholder'), ['platform', 'platform']);
    }

    const theirs = { labels: { team: 'theirs' }, annotations: {} };
    await world.admin.expect(path, {
      method: 'POST',
      body: {
        type: 'kubernetes.io/tls',
        data: { 'tls.crt': '', 'tls.key': '' },
        metadata: { name: 'theirs', ...theirs },
      },
    });
    await platform.write(
      namespace,
      'theirs',
      await platform.read(namespace, 'theirs', signal),
      certificate,
      signal,
    );
    assert.deepEqual(await has('theirs'), ['theirs', 'platform']);
  });

  it('fulfils a request for adoption once', async () => {
    await world.admin.expect(path, {
      method: 'POST',
      body: {
        metadata: { name: 'adopted', annotations: { 'kube-lego.io/adopt': 'True' } },
        type: 'kubernetes.io/tls',
        data: { 'tls.crt': encode('theirs'), 'tls.key': encode('theirs') },
      },
    });
    const facts = factsOf(await store.read(namespace, 'adopted', signal));
    assert(facts.kind === 'present' && facts.adopt && !facts.ours);
    await store.proveWritable(namespace, 'adopted', facts, certificate, signal);
    await store.write(namespace, 'adopted', facts, certificate, signal);
    const written = await store.read(namespace, 'adopted', signal);
    assert.equal(written?.annotations['kube-lego.io/adopt'], 'done');
    const after = factsOf(written);
    assert(after.kind === 'present' && !after.adopt && after.ours);
    await store.write(namespace, 'adopted', after, certificate, signal);
    const renewed = await store.read(namespace, 'adopted', signal);
    assert.deepEqual(renewed?.annotations, certificate.annotations, 'nothing is left of it');
  });

  it('leaves alone what somebody else says of who manages the Secret', async () => {
    const first = await store.write(namespace, 'deployed', undefined, certificate, signal);
    const labels = { 'app.kubernetes.io/managed-by': 'Helm', team: 'a' };
    await world.admin.expect(`${path}/deployed`, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels } },
    });
    const deployed = factsOf(await store.read(namespace, 'deployed', signal));
    assert(deployed.kind === 'present' && deployed.resourceVersion !== first.resourceVersion);
    assert.equal(deployed.ours, true, 'by our annotation');
    await store.proveWritable(namespace, 'deployed', deployed, certificate, signal);
    await store.write(namespace, 'deployed', deployed, { ...certificate, chainPem: 'CHAIN 2' }, signal);
    const renewed = await store.read(namespace, 'deployed', signal);
    assert.equal(renewed?.certificatePem?.toString(), 'CHAIN 2');
    assert.deepEqual(renewed.labels, labels);

    await world.admin.expect(`${path}/deployed`, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } },
    });
    const reset = factsOf(await store.read(namespace, 'deployed', signal));
    assert(reset.kind === 'present');
    await store.write(namespace, 'deployed', reset, certificate, signal);
    const marked = await store.read(namespace, 'deployed', signal);
    assert.equal(marked?.labels['app.kubernetes.io/managed-by'], 'kube-lego');
  });

  it('writes again to what it wrote itself', async () => {
    const first = await store.write(namespace, 'renewed', undefined, certificate, signal);
    const second = await store.write(
      namespace,
      'renewed',
      first,
      { ...certificate, chainPem: 'CHAIN 2' },
      signal,
    );
    const third = await store.write(
      namespace,
      'renewed',
      second,
      { ...certificate, chainPem: 'CHAIN 3' },
      signal,
    );
    const read = await store.read(namespace, 'renewed', signal);
    assert.equal(read?.certificatePem?.toString(), 'CHAIN 3');
    assert.equal(read.resourceVersion, third.resourceVersion);
    assert.equal(third.uid, first.uid);
  });

  it('refuses with Conflict when the Secret has changed, was re-created, or is gone', async () => {
    const judged = await store.write(namespace, 'moving', undefined, certificate, signal);
    const merge = { method: 'PATCH', contentType: 'application/merge-patch+json' } as const;
    await world.admin.expect(`${path}/moving`, {
      ...merge,
      body: { metadata: { labels: { new: 'label' } } },
    });
    await assert.rejects(store.write(namespace, 'moving', judged, certificate, signal), withCode('Conflict'));
    await assert.rejects(
      store.proveWritable(namespace, 'moving', judged, certificate, signal),
      withCode('Conflict'),
    );
    await world.admin.expect(`${path}/moving`, { method: 'DELETE' });
    await assert.rejects(store.write(namespace, 'moving', judged, certificate, signal), withCode('Conflict'));
    assert.equal(await store.read(namespace, 'moving', signal), undefined);
    await make('moving', {});
    await assert.rejects(store.write(namespace, 'moving', judged, certificate, signal), withCode('Conflict'));
  });

  it('finds out beforehand that a Secret is immutable', async () => {
    await make('frozen', { immutable: true, data: { 'tls.crt': encode('x'), 'tls.key': encode('y') } });
    const judged = await store.read(namespace, 'frozen', signal);
    assert.equal(judged?.immutable, true);
    await assert.rejects(
      store.proveWritable(namespace, 'frozen', judged, certificate, signal),
      withCode('Invalid', /immutable/),
    );
  });

  it('finds out that a Secret has been deleted, and that its deletion waits for a finalizer', async () => {
    const data = { 'tls.crt': encode('x'), 'tls.key': encode('y') };
    await make('going', { data }, ['example.com/wait']);
    assert.equal((await store.read(namespace, 'going', signal))?.deleting, undefined);
    await world.admin.expect(`${path}/going`, { method: 'DELETE' });
    assert.equal((await store.read(namespace, 'going', signal))?.deleting, true);
  });

  it('finds out beforehand that a Secret has another type', async () => {
    await make('opaque', { type: 'Opaque' });
    const judged = await store.read(namespace, 'opaque', signal);
    assert.equal(judged?.type, 'Opaque');
    await assert.rejects(
      store.proveWritable(namespace, 'opaque', judged, certificate, signal),
      withCode('Invalid', /type: .*immutable/),
    );
  });

  it('finds out beforehand that a policy or quota objects, and the namespace is missing', async () => {
    await assert.rejects(
      store.proveWritable('no-such-namespace', 'x', undefined, certificate, signal),
      withCode('NotFound', /namespaces "no-such-namespace" not found/),
    );
    await assert.rejects(
      store.proveWritable(namespace, 'Bad_Name', undefined, certificate, signal),
      withCode('Invalid', /Bad_Name/),
    );
  });

  it('ends with the reason of its signal', async () => {
    const aborted = AbortSignal.abort(new Error('changed meanwhile'));
    await assert.rejects(store.read(namespace, 'new', aborted), /changed meanwhile/);
  });
});
