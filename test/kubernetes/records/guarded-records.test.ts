import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RecordTroubles } from '../../../machines/records/record-troubles.ts';
import type { KubernetesClient } from '../../../src/kubernetes/client/client.ts';
import { KubernetesError } from '../../../src/kubernetes/client/kubernetes-error.ts';
import { KubernetesLease } from '../../../src/kubernetes/records/lease-record.ts';
import { RecordError, RecordObserver } from '../../../src/kubernetes/records/record-observer.ts';
import { SecretEntries } from '../../../src/kubernetes/records/secret-entries.ts';
import type { LeaseState } from '../../../src/leadership/leader-election.ts';
import { systemClock } from '../../../src/time/clock.ts';
import { type ApiWorld, startApiWorld } from '../api-world.ts';

const { signal } = new AbortController();
const namespace = 'records';
const conflict = { name: 'KubernetesError', code: 'Conflict' };
const lease: LeaseState = {
  holder: 'one',
  duration: 60_000,
  renewedAt: Date.UTC(2026, 10, 29, 12, 0, 0, 123),
  acquiredAt: Date.UTC(2026, 10, 29),
  transitions: 3,
};

let world: ApiWorld;

describe('a record in a real API server that is replaced only as it was read', () => {
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
    assert.equal(await one.read(signal), undefined);
    await other.read(signal);
    await one.write(new Map([['first', 'ä']]), signal);
    await assert.rejects(other.write(new Map([['second', 'b']]), signal), conflict, 'it was created');
    assert.deepEqual(await other.read(signal), new Map([['first', 'ä']]));
    await other.write(new Map([['second', 'b']]), signal);
    await assert.rejects(one.write(new Map(), signal), conflict, 'it was changed');
    await world.admin.expect(path, { method: 'DELETE' });
    await assert.rejects(other.write(new Map(), signal), conflict, 'it was deleted');
    assert.equal(await other.read(signal), undefined);
  });

  it('is found writable again, without a write, when nobody needs to write it any more', async () => {
    const troubles = new RecordTroubles(() => undefined);
    const observer = new RecordObserver('revocations', troubles, systemClock);
    let writable = false;
    const client: Pick<KubernetesClient, 'call'> = {
      call: (...[limit, request]) =>
        world.client.call(limit, (api) => {
          if (!writable && /\.(create|replace)\(/.test(String(request))) {
            throw new KubernetesError('Forbidden', 'the Role is missing', { status: 403 });
          }
          return request(api);
        }),
    };
    const store = new SecretEntries(client, namespace, 'revocations', undefined, observer);
    const other = new SecretEntries(world.client, namespace, 'revocations');
    for (const before of [undefined, new Map([['first', 'a']])]) {
      writable = false;
      if (before !== undefined) {
        await other.read(signal);
        await other.write(before, signal);
      }
      await store.read(signal);
      await assert.rejects(store.write(new Map([['second', 'b']]), signal), RecordError);
      await assert.rejects(store.recheckWrite(signal), RecordError);
      assert.partialDeepStrictEqual(troubles.current, [{ record: 'revocations', operation: 'write' }]);
      writable = true;
      await store.recheckWrite(signal);
      assert.deepEqual(troubles.current, []);
      assert.deepEqual(await other.read(signal), before);
    }
    // What was looked at meanwhile is not taken for what was read.
    writable = false;
    await assert.rejects(store.write(new Map([['second', 'b']]), signal), RecordError);
    await other.write(new Map([['third', 'c']]), signal);
    writable = true;
    await store.recheckWrite(signal);
    await assert.rejects(store.write(new Map([['second', 'b']]), signal), conflict);
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
