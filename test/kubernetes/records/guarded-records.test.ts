import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { KubernetesLease } from '../../../src/kubernetes/records/lease-record.ts';
import { SecretEntries } from '../../../src/kubernetes/records/secret-entries.ts';
import type { Lease } from '../../../src/leadership/leader-election.ts';
import { type ApiWorld, startApiWorld } from '../api-world.ts';

const { signal } = new AbortController();
const namespace = 'records';
const conflict = { name: 'KubernetesError', code: 'Conflict' };
const lease: Lease = {
  holder: 'one',
  duration: 60_000,
  renewedAt: Date.UTC(2026, 10, 29, 12, 0, 0, 123),
  acquiredAt: Date.UTC(2026, 10, 29),
  transitions: 3,
};

let world: ApiWorld;

describe('a record in a real API server that is replaced only as it was read', { timeout: 60_000 }, () => {
  before(async () => {
    world = await startApiWorld();
    await world.createNamespace(namespace);
  });
  after(() => world[Symbol.asyncDispose]());

  const journal = () =>
    new SecretEntries(world.client, namespace, 'journal', { labels: { team: 'a' }, annotations: {} });
  const path = `/api/v1/namespaces/${namespace}/secrets/kube-lego-journal-0`;

  it('is the Lease, with its times', async () => {
    const one = new KubernetesLease(world.client, namespace);
    assert.equal(await one.read(signal), undefined);
    await one.write(lease, signal);
    assert.deepEqual(await new KubernetesLease(world.client, namespace).read(signal), lease);
  });

  it('is the journal, as several processes see it', async () => {
    const one = journal();
    const other = journal();
    assert.deepEqual(await one.read(signal), new Map());
    await other.read(signal);
    await one.write(new Map([['first', 'ä']]), signal);
    await assert.rejects(other.write(new Map([['second', 'b']]), signal), conflict, 'it was created');
    assert.deepEqual(await other.read(signal), new Map([['first', 'ä']]));
    await other.write(new Map([['second', 'b']]), signal);
    await assert.rejects(one.write(new Map(), signal), conflict, 'it was changed');
    await world.admin.expect(path, { method: 'DELETE' });
    await assert.rejects(other.write(new Map(), signal), conflict, 'it was deleted');
    assert.deepEqual(await other.read(signal), new Map());
  });

  it('keeps what others put on it', async () => {
    const one = journal();
    await one.read(signal);
    await one.write(new Map(), signal);
    await world.admin.expect(path, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: { backup: 'yes' } } },
    });
    await one.read(signal);
    await one.write(new Map([['first', 'a']]), signal);
    const { labels } = JSON.parse(JSON.stringify(await world.admin.expect(path))).metadata;
    assert.deepEqual(labels, { backup: 'yes', team: 'a', 'app.kubernetes.io/managed-by': 'kube-lego' });

    // The operator wants one more.
    const wanted = { labels: { team: 'b', cost: 'low' }, annotations: {} };
    const next = new SecretEntries(world.client, namespace, 'journal', wanted);
    await next.read(signal);
    await next.write(new Map(), signal);
    const metadata = JSON.parse(JSON.stringify(await world.admin.expect(path))).metadata;
    assert.deepEqual(metadata.labels, { ...labels, cost: 'low' }, 'what is there stays');
  });
});
